"""The main gateway's half of a voice connection: credentials from two events in either order, moves, goodbyes."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest

from bot.errors import VoiceError
from bot.voice import handshake
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import Disconnected, MainGatewayAway, Moved, ServerChanged, VoiceHandshake, VoiceUpdate

GUILD, LOUNGE, ELSEWHERE, BOT = 10, 20, 21, 30


class FakeGuild:
    """Records op 4; answers nothing by itself."""

    id = GUILD

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    async def change_voice_state(self, *, channel: Any, **_: object) -> None:
        self.asked.append(None if channel is None else channel.id)

    def get_channel(self, channel_id: int) -> None:
        """Not in the cache."""


class Scene:
    """A handshake with a hand on Discord's side of it."""

    def __init__(self) -> None:
        self.heard: list[VoiceUpdate] = []
        self.guild = FakeGuild()
        channel = SimpleNamespace(id=LOUNGE, guild=self.guild, _get_voice_client_key=lambda: (GUILD, "guild_id"))
        client = SimpleNamespace(user=SimpleNamespace(id=BOT), _connection=SimpleNamespace())
        self.handshake = VoiceHandshake(cast(discord.Client, client), cast(Any, channel), self.heard.append)

    async def state(self, channel_id: int | None, session: str = "s1") -> None:
        body: Any = {"channel_id": None if channel_id is None else str(channel_id), "session_id": session}
        await self.handshake.on_voice_state_update(body)

    async def server(self, endpoint: str | None, token: str = "t1") -> None:
        body: Any = {"token": token, "guild_id": str(GUILD), "endpoint": endpoint}
        await self.handshake.on_voice_server_update(body)

    async def join(self) -> None:
        joining = asyncio.create_task(self.handshake.connect(timeout=1, reconnect=True))
        await asyncio.sleep(0)
        await self.state(LOUNGE)
        await self.server("one.discord.media:443")
        await joining
        self.heard.clear()

    async def rejoin(self) -> "asyncio.Task[VoiceServerInfo]":
        """A renewal that has left and is back, and waits for its server."""
        renewing = asyncio.create_task(self.handshake.renew(1))
        await asyncio.sleep(0)
        await self.state(None)
        await self.state(LOUNGE, "s2")
        return renewing


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("server_first", [True, False])
async def test_credentials_come_from_two_events_in_either_order(scene: Scene, server_first: bool) -> None:
    joining = asyncio.create_task(scene.handshake.connect(timeout=1, reconnect=True))
    await asyncio.sleep(0)
    if server_first:
        await scene.server("one.discord.media:443")
    await scene.state(LOUNGE)
    if not server_first:
        assert not joining.done()
        await scene.server("one.discord.media:443")
    await joining
    server = scene.handshake.server
    assert (server.endpoint, server.token, server.session_id) == ("one.discord.media:443", "t1", "s1")
    assert (server.guild_id, server.channel_id, server.user_id) == (GUILD, LOUNGE, BOT)
    assert scene.guild.asked == [LOUNGE]
    assert scene.heard == []


async def test_nobody_answers(scene: Scene) -> None:
    with pytest.raises(VoiceError, match="no voice server") as caught:
        await scene.handshake.connect(timeout=0.05, reconnect=True)
    assert "does the bot lack a permission" in caught.value.for_user


@pytest.mark.parametrize("server_first", [True, False])
async def test_a_move_is_told_with_its_new_server_in_either_order(scene: Scene, server_first: bool) -> None:
    await scene.join()
    if server_first:
        await scene.server("two.discord.media:443", "t2")
        await scene.state(ELSEWHERE)
    else:
        await scene.state(ELSEWHERE)
        await scene.server("two.discord.media:443", "t2")
    assert scene.heard.count(Moved(ELSEWHERE)) == 1
    last = scene.heard[-1]
    assert isinstance(last, ServerChanged)
    assert (last.server.endpoint, last.server.token, last.server.channel_id) == (
        "two.discord.media:443",
        "t2",
        ELSEWHERE,
    )


@pytest.mark.parametrize("first", [True, False])
async def test_a_move_before_the_server_is_named_is_told_too(scene: Scene, first: bool) -> None:
    """The first time, or when a voice session is renewed: the credentials are for a channel nobody has asked for."""
    if not first:
        await scene.join()
    renewing = asyncio.create_task(scene.handshake.renew(1))
    await asyncio.sleep(0)
    if not first:
        await scene.state(None)
        await scene.state(LOUNGE, "s2")
    await scene.state(ELSEWHERE, "s3")
    await scene.server("two.discord.media:443")
    assert (await renewing).channel_id == ELSEWHERE
    assert scene.heard == [Moved(ELSEWHERE)]


async def test_a_server_that_goes_away_is_no_server_until_the_next_one(scene: Scene) -> None:
    await scene.join()
    await scene.server(None)
    assert scene.handshake.latest is None
    assert scene.heard == []
    with pytest.raises(VoiceError, match="not complete"):
        _ = scene.handshake.server
    await scene.server("two.discord.media:443", "t2")
    (update,) = scene.heard
    assert isinstance(update, ServerChanged)
    assert update.server.endpoint == "two.discord.media:443"


async def test_a_mute_is_no_news(scene: Scene) -> None:
    await scene.join()
    await scene.state(LOUNGE)
    assert scene.heard == []


async def test_put_out_by_someone(scene: Scene) -> None:
    await scene.join()
    await scene.state(None)
    assert scene.heard == [Disconnected()]


async def test_of_two_servers_named_in_one_breath_the_later_one_is_used(scene: Scene) -> None:
    await scene.join()
    renewing = await scene.rejoin()
    await scene.server("two.discord.media:443", "t2")
    await scene.server("three.discord.media:443", "t3")
    assert (await renewing).token == "t3"
    assert scene.handshake.latest == scene.handshake.server


@pytest.mark.parametrize(
    "error", [ConnectionResetError("closing"), aiohttp.ClientConnectionResetError("closing"), OSError("gone")]
)
async def test_what_cannot_be_asked_for_is_told_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """While the main gateway is away nothing can be said to Discord, which is no reason to give up."""

    async def away(**_: object) -> None:
        raise error

    monkeypatch.setattr(scene.guild, "change_voice_state", away)
    expected = OSError if type(error) is OSError else MainGatewayAway
    with pytest.raises(expected):
        await scene.handshake.connect(timeout=1, reconnect=True)


async def test_the_goodbye_of_the_connection_before_is_none(scene: Scene) -> None:
    """An echo test has just left, say, and a call begins: Discord tells of the one after the other has asked."""
    joining = asyncio.create_task(scene.handshake.connect(timeout=1, reconnect=True))
    await asyncio.sleep(0)
    await scene.state(None)
    await scene.state(LOUNGE)
    await scene.server("one.discord.media:443")
    await joining
    assert scene.heard == []


async def test_a_rejoin_leaves_first_and_the_goodbye_is_our_own(scene: Scene) -> None:
    await scene.join()
    renewing = await scene.rejoin()
    await scene.server("two.discord.media:443", "t2")
    assert (await renewing).session_id == "s2"
    assert scene.guild.asked == [LOUNGE, None, LOUNGE]
    assert scene.heard == []
    await scene.state(None)  # and this one is somebody else's
    assert scene.heard == [Disconnected()]


async def test_the_token_is_not_in_the_repr(scene: Scene) -> None:
    await scene.join()
    assert "t1" not in repr(scene.handshake.server)


#: What happens while a session is renewed, in Discord's order: older news of the bot's own state before the goodbye's
#: echo, newer news after it; the server comes before or after the state of the new session.
OLD, GONE, NEW, SERVER, NEWS = "old news", "gone", "new state", "server", "newer news"
ORDERS = [
    [*before, GONE, *after]
    for before in ([], [OLD], [OLD, OLD])
    for after in ([NEW, SERVER], [SERVER, NEW], [NEW, NEWS, SERVER], [NEW, SERVER, NEWS], [SERVER, NEW, NEWS])
]
#: Discord had put the bot out already: its own goodbye changes nothing, and has no echo.
ORDERS += [[*before, NEW, SERVER] for before in ([], [OLD])]


@pytest.mark.parametrize("fresh", [True, False], ids=["sessions of their own", "one session id"])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_no_order_of_news_takes_a_renewal_for_a_kick(scene: Scene, order: list[str], fresh: bool) -> None:
    await scene.join()
    renewing = asyncio.create_task(scene.handshake.renew(1))
    await asyncio.sleep(0)
    new = "s2" if fresh else "s1"
    for event in order:
        if event == OLD:
            await scene.state(LOUNGE, "s1")
        elif event == GONE:
            await scene.state(None, "s1")
        elif event == SERVER:
            await scene.server("two.discord.media:443", "t2")
        else:
            await scene.state(LOUNGE, new)
    server = await renewing
    assert (server.endpoint, server.token, server.session_id) == ("two.discord.media:443", "t2", new)
    assert scene.heard == []
    await scene.state(None, new)  # and a kick is a kick, whatever came before it
    assert scene.heard == [Disconnected()]


async def test_two_goodbyes_have_two_echoes(scene: Scene) -> None:
    """Renewed twice before Discord has said anything of the first."""
    await scene.join()
    first = asyncio.create_task(scene.handshake.renew(0.05))
    await asyncio.sleep(0)
    await scene.state(LOUNGE, "s2")
    with pytest.raises(VoiceError):
        await first
    second = asyncio.create_task(scene.handshake.renew(1))
    await asyncio.sleep(0)
    await scene.state(None, "s2")
    await scene.state(LOUNGE, "s3")
    await scene.server("three.discord.media:443", "t3")
    assert (await second).session_id == "s3"
    assert scene.heard == []


async def test_an_echo_that_never_came_excuses_no_kick(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "LEAVE_CONFIRMATION_TIMEOUT", 0.01)
    await scene.join()
    renewing = asyncio.create_task(scene.handshake.renew(1))
    await asyncio.sleep(0.02)
    await scene.state(LOUNGE, "s1")
    await scene.server("two.discord.media:443", "t2")
    await renewing
    await scene.state(None, "s1")
    assert scene.heard == [Disconnected()]


async def test_a_mute_between_a_moves_server_and_its_state_loses_no_server(scene: Scene) -> None:
    await scene.join()
    await scene.server("two.discord.media:443", "t2")
    await scene.state(LOUNGE)  # a mute, say
    await scene.state(ELSEWHERE)
    last = scene.heard[-1]
    assert isinstance(last, ServerChanged)
    assert (last.server.token, last.server.channel_id) == ("t2", ELSEWHERE)
