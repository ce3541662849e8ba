"""Other people's clients on our voice servers: stock discord.py, and Discord's own libdave."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable

import aiohttp
import dave as libdave
import davey
import discord
import numpy as np
import pytest

from sandbox.discord.server import Discord
from sandbox.people.person import Person
from tests.bot.voice.groups import CHANNEL, BotMember, Member, Room
from tests.sandbox.discord.connector import connector_to
from tests.support import eventually


@pytest.fixture
async def world() -> AsyncIterator[Discord]:
    server = Discord()
    await server.start()
    yield server
    await server.stop()


async def test_the_stock_voice_client_talks_to_people(world: Discord) -> None:
    """discord.VoiceClient, unmodified: handshake, DAVE, sound that a person hears, a clean end."""
    account = world.world.create_bot()
    person = Person(world, world.world.create_user("Ann"))
    guild_id = world.world.create_guild("One", account, members=(person.user_id,))
    voice_id = world.world.create_voice_channel(guild_id, "Lounge")
    await person.join(guild_id, voice_id)
    bot = discord.Client(intents=discord.Intents.default(), connector=connector_to(world))
    client: discord.VoiceClient
    async with bot:
        await bot.login(account.token)
        running = asyncio.create_task(bot.connect())
        await bot.wait_until_ready()
        channel = bot.get_channel(voice_id)
        assert isinstance(channel, discord.VoiceChannel)
        client = await channel.connect(timeout=10)
        await person.keys()
        await asyncio.sleep(0.2)
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        client.play(_Tone(50), after=lambda error: loop.call_soon_threadsafe(done.set))
        await asyncio.wait_for(done.wait(), 10)
        await eventually(lambda: person.ear.frames_from(account.user_id) >= 50)
        heard = person.ear.recording(account.user_id).astype(np.float64)
        assert np.sqrt((heard[:40_000] ** 2).mean()) > 3000
        await client.disconnect()
        await bot.close()
        await running
    await person.leave()
    assert world.voice.rooms[voice_id].connections == {}


class _Tone(discord.AudioSource):
    def __init__(self, frames: int) -> None:
        time = np.arange(960 * frames) / 48_000
        mono = (np.sin(2 * np.pi * 440 * time) * 9000).astype(np.int16)
        self._frames = iter(np.repeat(mono, 2).reshape(frames, -1))

    def read(self) -> bytes:
        frame = next(self._frames, None)
        return b"" if frame is None else frame.tobytes()


class LibdaveMember:
    """A client on Discord's own C++ library."""

    def __init__(self, user_id: int, roster: Callable[[], set[int]]) -> None:
        self.user_id = user_id
        self._roster = roster
        self._session = libdave.Session(lambda *_: None)
        self._session.init(1, CHANNEL, str(user_id), None)
        self._encryptor = libdave.Encryptor()
        self._encryptor.assign_ssrc_to_codec(user_id, libdave.Codec.opus)
        self._decryptors: dict[int, libdave.Decryptor] = {}

    def start(self) -> list[tuple[int, object]]:
        return []

    def handle(self, op: int, data: dict[str, int] | bytes) -> list[tuple[int, object]]:
        if op == 22:
            self._encryptor.set_key_ratchet(self._session.get_key_ratchet(str(self.user_id)))
        if not isinstance(data, bytes):
            return []
        names = {str(user) for user in self._roster()}
        if op == 25:
            self._session.set_external_sender(data)
            return [(26, self._session.get_marshalled_key_package())]
        if op == 27:
            commit = self._session.process_proposals(data, names)
            return [(28, commit)] if commit else []
        if op not in (29, 30):
            return []
        commit, session = data[2:], self._session
        result = session.process_commit(commit) if op == 29 else session.process_welcome(commit, names)
        assert result is not None
        assert not isinstance(result, libdave.RejectType)
        for user in self._roster() - {self.user_id}:
            ratchet = self._session.get_key_ratchet(str(user))
            if ratchet is not None:
                decryptor = self._decryptors.setdefault(user, libdave.Decryptor())
                decryptor.transition_to_key_ratchet(ratchet, 10.0)
        return [(23, {"transition_id": struct.unpack_from(">H", data)[0]})]

    def seal(self, frame: bytes) -> bytes | None:
        sealed = self._encryptor.encrypt(libdave.MediaType.audio, self.user_id, frame)
        return None if sealed is None else bytes(sealed)

    def open(self, user_id: int, frame: bytes) -> bytes | None:
        opened = self._decryptors[user_id].decrypt(libdave.MediaType.audio, frame)
        return None if opened is None else bytes(opened)


@pytest.mark.parametrize("founder_is_ours", [True, False])
def test_our_driver_and_libdave_in_one_group(founder_is_ours: bool) -> None:
    """Founding, joining, leaving and a blank leaf filled again; everybody understands everybody after each step."""
    room = Room()

    def roster() -> set[int]:
        return set(room.group.connected)

    ours = [BotMember(user, {1, 2, 3, 4, 5}) for user in (1, 4)]
    theirs = [LibdaveMember(user, roster) for user in (2, 3)]
    order: list[Member] = (
        [ours[0], theirs[0], theirs[1], ours[1]] if founder_is_ours else [theirs[0], ours[0], ours[1], theirs[1]]
    )
    for member in order:
        room.join(member)
        _check(room)
    room.leave(order[0].user_id)
    _check(room)
    room.join(BotMember(5, {1, 2, 3, 4, 5}))
    _check(room)
    assert None not in room.group.leaves


def _check(room: Room) -> None:
    members = list(room.members.values())
    if len(members) < 2:
        return
    frame = b"\xfc" + bytes(range(60))
    for speaker in members:
        sealed = _seal(speaker, frame)
        assert sealed is not None
        assert sealed != frame
        for listener in members:
            if listener is not speaker:
                assert _open(listener, speaker.user_id, sealed) == frame


def _seal(member: object, frame: bytes) -> bytes | None:
    return member.seal(frame) if isinstance(member, LibdaveMember) else _ours(member).session.seal(frame)


def _open(member: object, user_id: int, frame: bytes) -> bytes | None:
    if isinstance(member, LibdaveMember):
        return member.open(user_id, frame)
    return _ours(member).session.open(user_id, frame)


def _ours(member: object) -> BotMember:
    assert isinstance(member, BotMember)
    return member


async def test_a_client_without_dave_is_refused(world: Discord) -> None:
    account = world.world.create_bot()
    guild_id = world.world.create_guild("One", account)
    voice_id = world.world.create_voice_channel(guild_id, "Lounge")
    access = world.join_voice(guild_id, account.user_id, voice_id)
    async with aiohttp.ClientSession(connector=connector_to(world)) as http:
        socket = await http.ws_connect(f"wss://{access.host}/?v=8")
        assert (await socket.receive_json())["op"] == 8
        body = {
            "server_id": str(guild_id),
            "user_id": str(account.user_id),
            "session_id": access.ticket.session_id,
            "token": access.ticket.token,
            "max_dave_protocol_version": 0,
        }
        await socket.send_json({"op": 0, "d": body})
        message = await socket.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4017)


async def test_the_muted_and_the_deaf(world: Discord) -> None:
    """A member without Speak is not forwarded; a deafened one gets nothing."""
    account = world.world.create_bot()
    ann, bob = (Person(world, world.world.create_user(name)) for name in ("Ann", "Bob"))
    guild_id = world.world.create_guild("One", account, members=(ann.user_id, bob.user_id))
    voice_id = world.world.create_voice_channel(guild_id, "Lounge")
    for person in (ann, bob):
        await person.join(guild_id, voice_id)
    await ann.keys()
    await bob.keys()
    sound = np.full(9600, 5000, np.int16)
    heard = 0

    async def hears_more() -> bool:
        """Whether Bob gets anything of what Ann says, however late its last packet is."""
        nonlocal heard
        before = heard
        await ann.say(sound)
        await asyncio.sleep(0.3)
        heard = bob.ear.packets
        return heard > before

    assert await hears_more()
    assert heard >= 10
    world.world.deny(voice_id, ann.user_id, "speak")
    assert not await hears_more()
    world.world.deny(voice_id, ann.user_id)
    world.world.set_voice_state(guild_id, bob.user_id, voice_id, self_deaf=True)
    assert not await hears_more()
    for person in (ann, bob):
        await person.leave()


def test_davey_speaks_the_version_we_offer() -> None:
    assert davey.DAVE_PROTOCOL_VERSION == 1
