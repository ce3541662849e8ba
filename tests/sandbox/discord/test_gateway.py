"""The gateway, to clients of every kind: compression, resume, refusals."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest
import zstandard

from sandbox.discord.server import Discord
from tests.sandbox.discord.connector import connector_to
from tests.support import eventually

Json = dict[str, Any]


@pytest.fixture
async def world() -> AsyncIterator[Discord]:
    server = Discord()
    await server.start()
    yield server
    await server.stop()


class Client:
    """A raw gateway client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, compress: str | None) -> None:
        self.socket = socket
        self._zlib = zlib.decompressobj()
        self._zstd = zstandard.ZstdDecompressor().decompressobj()
        self._compress = compress

    async def receive(self) -> Json:
        message = await self.socket.receive(timeout=5)
        if message.type is aiohttp.WSMsgType.TEXT:
            assert self._compress is None
            return dict(json.loads(message.data))
        assert message.type is aiohttp.WSMsgType.BINARY, message
        inflate = self._zlib.decompress if self._compress == "zlib-stream" else self._zstd.decompress
        return dict(json.loads(inflate(message.data)))

    async def until(self, event: str) -> Json:
        while True:
            body = await self.receive()
            if body.get("t") == event:
                return body

    async def identify(self, token: str, intents: int = 1 << 0 | 1 << 7) -> None:
        assert (await self.receive())["op"] == 10
        await self.send(2, {"token": token, "intents": intents, "properties": {}})

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_str(json.dumps({"op": op, "d": data}))


@pytest.fixture
async def http(world: Discord) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=connector_to(world)) as session:
        yield session


async def _connect(http: aiohttp.ClientSession, compress: str | None = None) -> Client:
    query = f"&compress={compress}" if compress else ""
    return Client(await http.ws_connect(f"wss://gateway.discord.gg/?v=10&encoding=json{query}"), compress)


@pytest.mark.parametrize("compress", [None, "zlib-stream", "zstd-stream"])
async def test_every_transport_encoding(world: Discord, http: aiohttp.ClientSession, compress: str | None) -> None:
    bot = world.world.create_bot()
    guild = world.world.create_guild("One", bot)
    client = await _connect(http, compress)
    await client.identify(bot.token)
    ready = await client.until("READY")
    assert ready["d"]["guilds"] == [{"id": str(guild), "unavailable": True}]
    assert (await client.until("GUILD_CREATE"))["d"]["name"] == "One"
    await client.send(1, ready["s"])
    assert (await client.receive())["op"] == 11
    await client.socket.close()


async def test_a_resume_replays_what_was_missed(world: Discord, http: aiohttp.ClientSession) -> None:
    bot = world.world.create_bot()
    guild = world.world.create_guild("One", bot)
    client = await _connect(http)
    await client.identify(bot.token)
    session = (await client.until("READY"))["d"]["session_id"]
    last = (await client.until("GUILD_CREATE"))["s"]
    await client.socket.close()
    world.world.create_text_channel(guild, "missed")
    client = await _connect(http)
    await client.receive()
    await client.send(6, {"token": bot.token, "session_id": session, "seq": last})
    assert (await client.until("CHANNEL_CREATE"))["d"]["name"] == "missed"
    assert (await client.until("RESUMED"))["op"] == 0
    await client.socket.close()


async def test_an_unknown_session_cannot_be_resumed(world: Discord, http: aiohttp.ClientSession) -> None:
    client = await _connect(http)
    await client.receive()
    await client.send(6, {"token": world.world.create_bot().token, "session_id": "x", "seq": 1})
    assert await client.receive() == {"op": 9, "d": False}
    await client.socket.close()


async def test_a_bot_that_logs_in_too_often_loses_its_token(world: Discord, http: aiohttp.ClientSession) -> None:
    bot = world.world.create_bot()
    world.rest.session_starts.total = 1
    headers = {"Authorization": f"Bot {bot.token}"}

    async def remaining() -> int:
        async with http.get("https://discord.com/api/v10/gateway/bot", headers=headers) as answer:
            return int((await answer.json())["session_start_limit"]["remaining"])

    assert await remaining() == 1
    first = await _connect(http)
    await first.identify(bot.token)
    await first.until("READY")
    assert await remaining() == 0
    second = await _connect(http)
    await second.identify(bot.token)
    message = await second.socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4004)
    async with http.get("https://discord.com/api/v10/gateway/bot", headers=headers) as answer:
        assert answer.status == 401
    await first.socket.close()


async def test_nobody_speaks_in_the_afk_channel(world: Discord) -> None:
    bot, ann = world.world.create_bot(), world.world.create_user("Ann")
    guild = world.world.create_guild("One", bot, members=(ann,))
    afk, lounge = (world.world.create_voice_channel(guild, name) for name in ("AFK", "Lounge"))
    world.world.set_afk_channel(guild, afk)
    heard = {}
    for channel in (afk, lounge):
        world.world.set_voice_state(guild, ann, channel)
        heard[channel] = world.world.may_speak(guild, ann, channel)
    assert heard == {afk: False, lounge: True}


@pytest.mark.parametrize(("op", "data", "code"), [(2, {"token": "wrong", "intents": 0}, 4004), (4, {}, 4003)])
async def test_refusals(world: Discord, http: aiohttp.ClientSession, op: int, data: Json, code: int) -> None:
    client = await _connect(http)
    await client.receive()
    await client.send(op, data)
    message = await client.socket.receive(timeout=5)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, code)


async def test_a_bot_hears_of_its_own_servers_only(world: Discord, http: aiohttp.ClientSession) -> None:
    one, two = world.world.create_bot("One"), world.world.create_bot("Two")
    mine, other = world.world.create_guild("Mine", one), world.world.create_guild("Other", two)
    client = await _connect(http)
    await client.identify(one.token)
    await client.until("GUILD_CREATE")
    world.world.create_text_channel(other, "not-for-one")
    world.world.create_text_channel(mine, "for-one")
    assert (await client.until("CHANNEL_CREATE"))["d"]["name"] == "for-one"
    await client.socket.close()


async def test_intents_are_respected(world: Discord, http: aiohttp.ClientSession) -> None:
    bot = world.world.create_bot()
    ann = world.world.create_user("Ann")
    guild = world.world.create_guild("One", bot, members=(ann,))
    voice = world.world.create_voice_channel(guild, "Lounge")
    client = await _connect(http)
    await client.identify(bot.token, intents=1)  # guilds, no voice states
    created = await client.until("GUILD_CREATE")
    assert [member["user"]["id"] for member in created["d"]["members"]] == [str(bot.user_id)]
    world.world.set_voice_state(guild, ann, voice)
    world.world.create_text_channel(guild, "after")
    assert (await client.receive())["t"] == "CHANNEL_CREATE"
    await client.socket.close()


async def test_stock_discord_py_and_its_interaction_rules(world: Discord) -> None:
    """The unmodified client: a command answered, answered twice, and the wrong token."""
    account = world.world.create_bot()
    ann = world.world.create_user("Ann")
    guild = world.world.create_guild("One", account, members=(ann,))
    text = world.world.create_text_channel(guild, "talk")
    bot = discord.Client(intents=discord.Intents.default(), connector=connector_to(world))
    tree = discord.app_commands.CommandTree(bot)
    second: list[int] = []

    @tree.command(description="d")
    async def hello(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hi", ephemeral=True)
        raw = discord.InteractionResponse(interaction)
        try:
            await raw.send_message("again")
        except discord.HTTPException as error:
            second.append(error.code)

    async with bot:
        await bot.login(account.token)
        running = asyncio.create_task(bot.connect())
        await bot.wait_until_ready()
        await tree.sync()
        interaction = world.slash(account, guild, text, ann, "hello")
        (answer,) = await world.answer(interaction)
        assert answer["content"] == "hi"
        assert world.world.messages(text) == []  # private
        await eventually(lambda: second == [40060])
        await bot.close()
        await running
    with pytest.raises(discord.LoginFailure):
        async with discord.Client(intents=discord.Intents.none(), connector=connector_to(world)) as wrong:
            await wrong.login("no.such.token")


async def test_messages_are_rate_limited_as_discord_does(world: Discord, http: aiohttp.ClientSession) -> None:
    bot = world.world.create_bot()
    guild = world.world.create_guild("One", bot)
    text = world.world.create_text_channel(guild, "talk")
    statuses = []
    for number in range(7):
        headers = {"Authorization": f"Bot {bot.token}"}
        url = f"https://discord.com/api/v10/channels/{text}/messages"
        async with http.post(url, json={"content": str(number)}, headers=headers) as answer:
            statuses.append(answer.status)
            if answer.status == 429:
                assert (await answer.json())["retry_after"] > 0
                assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert statuses == [200] * 5 + [429] * 2


async def test_without_a_token_nothing_is_answered(world: Discord, http: aiohttp.ClientSession) -> None:
    async with http.get("https://discord.com/api/v10/users/@me") as answer:
        assert answer.status == 401
