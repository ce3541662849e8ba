"""One voice session on a real voice server: a reader that dies, a server that babbles, every socket closed."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from bot.call.voice_link import KEYS_TIMEOUT
from bot.config.model import NetworkSettings
from bot.errors import VoiceClosed, VoiceError
from bot.network import connector
from bot.voice import connection as module
from bot.voice.close_codes import CloseCode, Remedy
from bot.voice.connection import VoiceConnection
from bot.voice.gateway import MICROPHONE, VoiceServerInfo
from bot.voice.opus import SILENCE_FRAME, Encoder, Pcm
from bot.voice.receive import OpusPacket
from bot.voice.rtp import SAMPLES_PER_FRAME
from bot.voice.send import TRAILING_SILENCE
from bot.voice.udp import VoiceSocket
from sandbox.discord.server import HOSTS, Discord
from sandbox.discord.voice.room import Connection
from sandbox.people.person import Person
from tests.support import eventually, happens

TONE = (np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000) * 9000).astype(np.int16)


@dataclass(slots=True)
class Desk:
    """A bot's voice session in a channel with Ann, and what it reported."""

    discord: Discord
    ann: Person
    guild_id: int
    channel_id: int
    bot_id: int
    connection: VoiceConnection
    packets: list[OpusPacket] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    lost: list[CloseCode] = field(default_factory=list)
    resumes: list[str] = field(default_factory=list)

    @property
    def at_server(self) -> Connection:
        found = self.discord.voice.rooms[self.channel_id].of_user(self.bot_id)
        assert found is not None
        return found

    async def hears(self) -> bool:
        """Whether 0.4 s of Ann's voice arrive."""
        return await self.hears_of(self.ann, TONE[: 20 * 960], 18)

    async def hears_of(self, person: Person, speech: Pcm = TONE, packets: int = 45) -> bool:
        """Whether as many packets of what a person says arrive, however slow the machine is just now."""
        self.packets.clear()
        await person.say(speech)
        return await happens(lambda: self.count(person) >= packets, 3)

    def count(self, person: Person) -> int:
        return sum(packet.user_id == person.user_id for packet in self.packets)


Seat = Callable[[], Awaitable[Desk]]


@pytest.fixture
async def seat(tmp_path: Path) -> AsyncIterator[Seat]:
    """Makes desks; the connection is there and not open."""
    discord = Discord()
    await discord.start()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(discord.ca_pem)
    network = NetworkSettings(ca_file=str(ca_file), connect_to=dict.fromkeys(HOSTS, f"127.0.0.1:{discord.port}"))
    http = aiohttp.ClientSession(connector=connector(network))
    desks: list[Desk] = []

    async def make() -> Desk:
        account = discord.world.create_bot()
        ann = Person(discord, discord.world.create_user("Ann"))
        guild_id = discord.world.create_guild("One", account, members=(ann.user_id,))
        channel_id = discord.world.create_voice_channel(guild_id, "Lounge")
        await ann.join(guild_id, channel_id)
        access = discord.join_voice(guild_id, account.user_id, channel_id)
        ticket = access.ticket
        server = VoiceServerInfo(access.host, ticket.token, ticket.session_id, guild_id, channel_id, account.user_id)
        connection = VoiceConnection(
            server,
            http,
            on_packet=lambda packet: desk.packets.append(packet),
            on_member_left=lambda user_id: desk.left.append(user_id),
            on_resuming=lambda: desk.resumes.append("resuming"),
            on_resumed=lambda: desk.resumes.append("resumed"),
            on_lost=lambda verdict: desk.lost.append(verdict),
            encoder=Encoder(),
        )
        desk = Desk(discord, ann, guild_id, channel_id, account.user_id, connection)
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        await desk.connection.close()
        await desk.ann.leave()
    await http.close()
    await discord.stop()


def descriptors() -> int:
    """How many files and sockets this process holds."""
    return len(os.listdir("/proc/self/fd"))


async def test_it_hears_and_is_heard(seat: Seat) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert await desk.hears()
    assert {packet.user_id for packet in desk.packets} == {desk.ann.user_id}


async def test_a_burst_is_announced_before_it_and_ended_after_it(seat: Seat) -> None:
    """Speaking bits before the first packet, five packets of silence, and the bits back; twice, each once."""
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert desk.at_server.announced == [0]  # so that the server knows the SSRC
    heard: list[tuple[int, bytes]] = []
    assert desk.ann.voice is not None
    desk.ann.voice._listener = lambda user, ssrc, timestamp, opus: heard.append((timestamp, opus))
    for start in (0, 100):
        for tick in range(start, start + 50):
            desk.connection.send_frame(TONE[:960], tick)
            await asyncio.sleep(0.005)
        for tick in range(start + 50, start + 60):
            desk.connection.send_pause(tick)
            await asyncio.sleep(0.005)
    await eventually(lambda: len(heard) == 2 * (50 + TRAILING_SILENCE))
    await eventually(lambda: desk.at_server.announced == [0, MICROPHONE, 0, MICROPHONE, 0])
    first = heard[0][0]
    ticks = [((timestamp - first) & 0xFFFF_FFFF) / SAMPLES_PER_FRAME for timestamp, _ in heard]
    assert ticks == [*range(50 + TRAILING_SILENCE), *range(100, 150 + TRAILING_SILENCE)]
    silent = [opus == SILENCE_FRAME for _, opus in heard]
    assert silent == ([False] * 50 + [True] * TRAILING_SILENCE) * 2


async def test_a_server_that_takes_every_resume_and_hangs_up_again_is_left(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: most / 10)
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    async with asyncio.timeout(20):
        while not desk.lost:
            desk.discord.voice.close_sockets(desk.guild_id, desk.bot_id, 4015)
            await asyncio.sleep(0.02)
    assert desk.resumes.count("resuming") == module.RESUME_ATTEMPTS + 1
    assert desk.resumes.count("resumed") <= module.RESUME_ATTEMPTS


async def test_a_call_goes_over_to_clear_speech_and_back(seat: Seat) -> None:
    """As when somebody is there who cannot encrypt. Who joins meanwhile is heard, and has keys afterwards."""
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    room = desk.discord.voice.rooms[desk.channel_id]

    async def both_ways() -> bool:
        desk.ann.ear.clear()
        for tick in range(50):
            desk.connection.send_frame(TONE[:960], tick)
        return await desk.hears() and await happens(lambda: desk.ann.ear.frames_from(desk.bot_id) >= 50, 3)

    assert await both_ways()
    room.route(room.group.downgrade())
    await eventually(lambda: room.group.version == 0)
    await eventually(lambda: desk.connection.dave.version == 0)
    sealed = room.forwarded
    assert await both_ways()
    assert room.forwarded > sealed
    bob = Person(desk.discord, desk.discord.world.create_user("Bob"))
    desk.discord.world.add_member(desk.guild_id, bob.user_id)
    await bob.join(desk.guild_id, desk.channel_id)
    assert await desk.hears_of(bob)
    room.route(room.group.upgrade())
    await eventually(lambda: desk.connection.dave.version == 1)
    await asyncio.gather(bob.keys(), desk.ann.keys())
    await asyncio.sleep(0.3)  # until the group has all three
    assert await both_ways()
    assert await desk.hears_of(bob)
    assert desk.connection.dave.recoveries == 0
    assert desk.lost == []
    await bob.leave()


async def test_a_resume_from_another_network_is_none(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The websocket would be well, and nobody heard: the server sends to where we were."""
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    monkeypatch.setattr(VoiceSocket, "path_changed", lambda self: True)
    desk.discord.voice.close_sockets(desk.guild_id, desk.bot_id, 4015)
    await eventually(lambda: bool(desk.lost))
    assert [verdict.remedy for verdict in desk.lost] == [Remedy.FRESH_SESSION]
    assert desk.resumes == ["resuming"]


async def test_keys_that_do_not_come_are_asked_for_while_nobody_speaks(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the voicebot would not be heard, and nobody would know why."""
    monkeypatch.setattr(module, "KEYS_LOOK", 0.05)
    monkeypatch.setattr(module, "KEYS_PATIENCE", 0.3)
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    desk.connection.dave.recover()  # and nobody was told of it
    assert not desk.connection.dave.ready
    await eventually(lambda: desk.connection.dave.ready)
    asked = desk.connection.dave.recoveries
    assert asked >= 2
    assert await desk.hears()
    await asyncio.sleep(0.5)
    assert desk.connection.dave.recoveries == asked


async def test_keys_are_asked_for_again_before_a_call_is_given_up_for_the_lack_of_them() -> None:
    assert module.KEYS_PATIENCE + 2 * module.KEYS_LOOK < KEYS_TIMEOUT


async def test_who_is_alone_has_nobody_to_agree_on_keys_with(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_LOOK", 0.05)
    monkeypatch.setattr(module, "KEYS_PATIENCE", 0.2)
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    await desk.ann.leave()
    await eventually(lambda: not desk.connection.dave.ready)
    await asyncio.sleep(0.6)
    assert desk.connection.dave.recoveries == 0
    assert desk.lost == []


async def test_what_was_closed_holds_on_to_nothing(seat: Seat) -> None:
    """Two that know of each other would wait for the garbage collector, with large buffers and the group's keys."""
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    socket = weakref.ref(desk.connection._socket)
    await desk.connection.close()
    await asyncio.sleep(0.1)
    gc.disable()
    try:
        await eventually(lambda: socket() is None)
    finally:
        gc.enable()


@pytest.mark.parametrize("latency", [0.05, 0.3])
async def test_joining_people_who_talk_while_the_keys_are_under_way(seat: Seat, latency: float) -> None:
    """Sound is there before the keys for it. That is no reason to ask for new ones, which would undo these."""
    desk = await seat()
    others = [Person(desk.discord, desk.discord.world.create_user(name)) for name in ("Bob", "Cyd", "Dan", "Eve")]
    for person in others:
        desk.discord.world.add_member(desk.guild_id, person.user_id)
        await person.join(desk.guild_id, desk.channel_id)
    talkers = [desk.ann, *others]

    async def all_heard(people: list[Person]) -> None:
        """A second of everybody's speech. Not by the clock: they share this process with the server."""
        desk.packets.clear()
        await eventually(lambda: min(map(desk.count, people)) >= 50, 5)

    await asyncio.gather(*(person.keys() for person in talkers))
    desk.discord.voice.latency = latency
    talking = [asyncio.create_task(person.say(np.tile(TONE, 60))) for person in talkers]
    try:
        await desk.connection.open()
        await desk.connection.keys_agreed(10)
        await asyncio.sleep(0.3)
        await all_heard(talkers)
        # Others come and go: new keys for everybody, and nobody is missed for long.
        for person in others[:2]:
            talking[talkers.index(person)].cancel()
            await person.leave()
        await asyncio.sleep(1 + 2 * latency)
        await all_heard([desk.ann, *others[2:]])
    finally:
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        for person in others:
            await person.leave()
    assert desk.connection.dave.recoveries == 0
    assert desk.lost == []


@pytest.mark.parametrize(
    "babble",
    [
        '{"op": 5, "d": {"ssrc": "what"}}',
        '{"op": 11, "d": null}',
        '{"op": 13, "d": {}}',
        '{"op": 12, "d": {"audio_ssrc": 7}}',
        '{"op": 99, "d": 1}',
        b"\x00\x01\x1b",
        b"\x00\x02\x1b\xff\xff\xff",
        b"\x00\x03\x1e\x00\x01garbage",
    ],
)
async def test_a_message_that_is_not_as_documented_is_passed_over(seat: Seat, babble: str | bytes) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    desk.at_server.outbox.put_nowait((1, babble))
    await asyncio.sleep(0.1)
    assert await desk.hears()
    assert desk.lost == []


@pytest.mark.parametrize("babble", ["not json", "[]", '{"d": 1}'])
async def test_a_reader_that_dies_is_a_session_lost(seat: Seat, babble: str) -> None:
    """Nobody would notice otherwise: sound may flow for a while, but the next key change would never be read."""
    desk = await seat()
    await desk.connection.open()
    desk.at_server.outbox.put_nowait((1, babble))
    await eventually(lambda: bool(desk.lost))
    assert [verdict.remedy for verdict in desk.lost] == [Remedy.FRESH_SESSION]


async def test_a_lost_websocket_is_resumed_and_nothing_is_missed(seat: Seat) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    desk.discord.voice.close_sockets(desk.guild_id, desk.bot_id, 4015)
    bob = Person(desk.discord, desk.discord.world.create_user("Bob"))
    desk.discord.world.add_member(desk.guild_id, bob.user_id)
    await bob.join(desk.guild_id, desk.channel_id)  # its keys are agreed on while the bot is away
    await asyncio.sleep(1)
    await bob.keys()
    assert desk.resumes == ["resuming", "resumed"]
    assert await desk.hears_of(bob)
    await bob.leave()
    await eventually(lambda: desk.left == [bob.user_id])


@pytest.mark.parametrize("fault", ["refused", "UDP blocked", "cancelled"])
async def test_an_open_that_fails_closes_all_it_opened(seat: Seat, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fault != "cancelled":
        monkeypatch.setattr(module, "HANDSHAKE_TIMEOUT", 0.5)
    desk = await seat()
    before, tasks = descriptors(), len(asyncio.all_tasks())
    desk.discord.voice.reject_with = 4017 if fault == "refused" else None
    desk.discord.voice.udp_blocked = fault != "refused"
    opening = asyncio.create_task(desk.connection.open())
    if fault == "cancelled":
        await eventually(lambda: desk.connection._socket is not None)
        assert descriptors() > before
        opening.cancel()
    error = {"refused": VoiceClosed, "UDP blocked": VoiceError, "cancelled": asyncio.CancelledError}[fault]
    with pytest.raises(error):
        await opening
    await desk.connection.close()
    await eventually(lambda: descriptors() <= before)  # the server's end closes, too
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, what=str(asyncio.all_tasks()))
    await desk.connection.close()  # once more is no harm


async def test_a_close_that_is_cut_short_has_closed_the_socket(seat: Seat) -> None:
    """The websocket's goodbye may take seconds; whoever stops waiting for it must not leak what is below."""
    desk = await seat()
    await desk.connection.open()
    socket = desk.connection._socket
    assert socket is not None
    closing = asyncio.create_task(desk.connection.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    transport = socket._transport
    assert transport is not None
    assert transport.is_closing()
