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

from bot.call.connection.voice_link import KEYS_TIMEOUT
from bot.config.model import NetworkSettings
from bot.errors import VoiceClosed, VoiceError
from bot.network import connector
from bot.voice import connection as module
from bot.voice import udp
from bot.voice.close_codes import READDRESSED, CloseCode, Remedy
from bot.voice.connection import VoiceConnection, VoiceListener
from bot.voice.gateway import MICROPHONE, VoiceServerInfo
from bot.voice.opus import SILENCE_FRAME, Encoder, Pcm
from bot.voice.receive import OpusPacket
from bot.voice.rtp import SAMPLES_PER_FRAME
from bot.voice.send import TRAILING_SILENCE
from bot.voice.transmit import OPENING_FRAMES
from bot.voice.udp import VoiceSocket
from sandbox.discord.server import HOSTS, Discord
from sandbox.discord.voice.behaviour import Extension, Noise
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
    server: VoiceServerInfo
    http: aiohttp.ClientSession
    connection: VoiceConnection = field(init=False)
    packets: list[OpusPacket] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    lost: list[CloseCode] = field(default_factory=list)
    resumes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reconnect()

    def reconnect(self) -> None:
        """Begin with a connection that is not open."""
        self.connection = VoiceConnection(
            self.server,
            self.http,
            listener=VoiceListener(
                on_packet=self.packets.append,
                on_member_left=self.left.append,
                on_resuming=lambda: self.resumes.append("resuming"),
                on_resumed=lambda: self.resumes.append("resumed"),
                on_lost=self.lost.append,
            ),
            encoder=Encoder(),
        )

    @property
    def at_server(self) -> Connection:
        found = self.discord.voice.rooms[self.channel_id].of_user(self.server.user_id)
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
        desk = Desk(discord, ann, guild_id, channel_id, server, http)
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
            desk.discord.voice.close_sockets(desk.guild_id, desk.server.user_id, 4015)
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
        return await desk.hears() and await happens(lambda: desk.ann.ear.frames_from(desk.server.user_id) >= 50, 3)

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
    desk.discord.voice.close_sockets(desk.guild_id, desk.server.user_id, 4015)
    await eventually(lambda: bool(desk.lost))
    assert [verdict.remedy for verdict in desk.lost] == [Remedy.FRESH_SESSION]
    assert desk.resumes == ["resuming"]


async def test_keys_that_do_not_come_are_asked_for_while_nobody_speaks(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the voicebot would not be heard, and nobody would know why."""
    monkeypatch.setattr(module, "KEYS_CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(module, "KEYS_TIMEOUT", 0.3)
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
    assert module.KEYS_TIMEOUT + 2 * module.KEYS_CHECK_INTERVAL < KEYS_TIMEOUT


async def test_who_is_alone_has_nobody_to_agree_on_keys_with(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(module, "KEYS_TIMEOUT", 0.2)
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
    connection = desk.connection
    held = [connection, connection.transmitter.socket, connection.receiver, connection.dave, connection.transmitter]
    references = [weakref.ref(one) for one in held]
    await connection.close()
    gc.disable()
    try:
        del connection, held
        desk.reconnect()
        await eventually(lambda: [one for reference in references if (one := reference()) is not None] == [])
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
        await eventually(lambda: min(map(desk.count, people)) >= 50)

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


async def test_a_reader_that_dies_is_a_session_lost(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would notice otherwise: sound may flow for a while, but the next key change would never be read."""
    desk = await seat()
    await desk.connection.open()

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(desk.connection.receiver, "map_ssrc", fail)
    desk.at_server.outbox.put_nowait((1, '{"op": 5, "d": {"user_id": "7", "ssrc": 7, "speaking": 1}}'))
    await eventually(lambda: bool(desk.lost))
    assert [verdict.remedy for verdict in desk.lost] == [Remedy.FRESH_SESSION]


async def test_a_lost_websocket_is_resumed_and_nothing_is_missed(seat: Seat) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    desk.discord.voice.close_sockets(desk.guild_id, desk.server.user_id, 4015)
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
        await eventually(lambda: desk.connection.transmitter.socket is not None)
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
    socket = desk.connection.transmitter.socket
    assert socket is not None
    closing = asyncio.create_task(desk.connection.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    transport = socket._transport
    assert transport is not None
    assert transport.is_closing()


async def test_who_is_never_introduced_is_heard(seat: Seat) -> None:
    """Discord is reported to name nobody who sat in the channel before the bot; their keys tell who speaks."""
    desk = await seat()
    desk.discord.voice.behaviour.introduces_present = False
    desk.discord.voice.behaviour.introduces_speakers = False
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert await desk.hears_of(desk.ann)
    stats = desk.connection.receiver.stats
    assert stats.unowned == {}
    assert stats.heard >= 45


async def test_old_news_of_a_session_that_was_left_makes_nobody_deaf(seat: Seat) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    desk.discord.voice.behaviour.late_disconnect = 0.5
    await desk.ann.leave()
    await desk.ann.join(desk.guild_id, desk.channel_id)
    await desk.ann.keys()
    assert await desk.hears_of(desk.ann)
    await eventually(lambda: desk.ann.user_id in desk.left)
    assert await desk.hears_of(desk.ann)


async def test_speaking_is_on_the_wire_before_the_first_packet(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await seat()
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    await eventually(lambda: desk.discord.voice.rooms[desk.channel_id].forwarded >= OPENING_FRAMES)
    wire: list[str] = []
    socket, gateway = desk.connection.transmitter.socket, desk.connection._gateway
    assert socket is not None
    assert gateway is not None
    send = gateway._socket.send_str

    async def noted(text: str) -> None:
        await send(text)
        wire.append("speaking")

    monkeypatch.setattr(gateway._socket, "send_str", noted)
    monkeypatch.setattr(socket, "send", lambda datagram: wire.append("sound"))
    desk.connection.send_lead_in(1)
    for tick in range(2, 5):
        desk.connection.send_frame(TONE[:960], tick)
    await eventually(lambda: len(wire) == 5)
    assert wire == ["speaking", "sound", "sound", "sound", "sound"]


async def test_silence_opens_the_way_once_there_are_keys(seat: Seat) -> None:
    """Some networks let nothing in before something went out, and some servers send to nobody who has sent nothing."""
    desk = await seat()
    desk.discord.voice.behaviour.sends_to_who_sent = True
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    await eventually(lambda: desk.at_server.sent_rtp)
    assert await desk.hears_of(desk.ann)


async def test_another_address_is_noticed_and_told(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "KEEPALIVE_INTERVAL", 0.05)
    desk = await seat()
    desk.discord.voice.nat.active = True
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert await desk.hears()
    desk.discord.voice.nat.rebind()
    await eventually(lambda: desk.lost == [READDRESSED])


@pytest.mark.parametrize("noise", ["padding", "zeros", "retransmission", "camera"])
@pytest.mark.parametrize("extension", ["none", "two bytes", "unknown"])
async def test_whatever_comes_along_the_voice_is_heard_whole(seat: Seat, noise: Noise, extension: Extension) -> None:
    desk = await seat()
    behaviour = desk.discord.voice.behaviour
    behaviour.noise, behaviour.extension, behaviour.padding = frozenset({noise}), extension, 7
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert await desk.hears_of(desk.ann)
    stats = desk.connection.receiver.stats
    assert sum(stats.lost.values()) == 0
    assert sum(stats.undecryptable.values()) == 0


async def test_what_the_gateway_says_besides_changes_nothing(seat: Seat) -> None:
    desk = await seat()
    behaviour = desk.discord.voice.behaviour
    behaviour.strange_messages, behaviour.dave_twice, behaviour.dave_delay = True, True, 0.05
    behaviour.description_delay, behaviour.introduction_delay = 0.2, 0.3
    await desk.connection.open()
    await desk.connection.keys_agreed(5)
    assert await desk.hears_of(desk.ann)


async def test_people_who_come_and_go_on_a_slow_line_cost_nobody_the_keys(seat: Seat) -> None:
    """A storm of pending adds, some of which are taken back before the commit to them is there."""
    desk = await seat()
    desk.discord.voice.latency = 0.15
    await desk.connection.open()
    await desk.connection.keys_agreed(10)
    world = desk.discord.world
    crowd = [Person(desk.discord, world.create_user(f"P{number}")) for number in range(5)]
    for person in crowd:
        world.add_member(desk.guild_id, person.user_id)
    for turn in range(3):
        await asyncio.gather(*(person.join(desk.guild_id, desk.channel_id) for person in crowd))
        for person in crowd[turn:]:
            await asyncio.sleep(0.03)
            await person.leave()
        for person in crowd[:turn]:
            await person.leave()
    await asyncio.sleep(1)
    assert await desk.hears_of(desk.ann)
    assert desk.lost == []
