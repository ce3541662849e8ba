"""The voice websocket: sequence numbers, heartbeats, and close codes that survive a server in a hurry."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from bot.voice.gateway import MAX_MESSAGE, Message, VoiceGateway, open_socket

Script = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


class Server:
    """A websocket server that follows a script per connection."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.said: list[dict[str, object]] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert self.script is not None
        await self.script(socket, request)
        return socket


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


@pytest.fixture
async def gateway(server: Server) -> AsyncIterator[Callable[[Script], Awaitable[VoiceGateway]]]:
    async with aiohttp.ClientSession() as http:
        opened: list[VoiceGateway] = []

        async def connect(script: Script) -> VoiceGateway:
            server.script = script
            opened.append(VoiceGateway(await open_socket(http, f"http://127.0.0.1:{server.port}/")))
            return opened[-1]

        yield connect
        for one in opened:
            await one.close()


Connect = Callable[[Script], Awaitable[VoiceGateway]]


async def _all(gateway: VoiceGateway) -> list[Message]:
    return [message async for message in gateway.messages()]


async def test_messages_and_their_sequence_numbers(gateway: Connect) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_json({"op": 2, "d": {"ssrc": 1}, "seq": 7})
        await socket.send_bytes(struct.pack(">HB", 8, 25) + b"sender")
        await socket.send_bytes(b"\x00")  # too short to be one
        await socket.send_json({"op": 6, "d": {"t": 1}})
        await socket.close(code=4006)

    client = await gateway(script)
    assert await _all(client) == [Message(2, {"ssrc": 1}), Message(25, b"sender")]
    assert client.sequence == 8
    assert client.close_code == 4006


async def test_the_code_survives_a_server_that_hangs_up_at_once(gateway: Connect) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        await socket._writer.close(4022)  # type: ignore[union-attr]
        request.transport.close()

    for _ in range(20):
        client = await gateway(script)
        await asyncio.sleep(0.01)  # the frame and the end are both there before anybody reads
        await _all(client)
        assert client.close_code == 4022


async def test_a_connection_that_just_breaks_has_no_code(gateway: Connect) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    client = await gateway(script)
    await _all(client)
    assert client.close_code is None


async def test_heartbeats_acknowledge_what_was_received(gateway: Connect) -> None:
    beats: list[dict[str, object]] = []

    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_json({"op": 8, "d": {"heartbeat_interval": 200}})
        await socket.send_json({"op": 5, "d": {}, "seq": 41})
        while len(beats) < 4:
            body = json.loads((await socket.receive(timeout=2)).data)
            beats.append(body)
            await socket.send_json({"op": 6, "d": {"t": body["d"]["t"]}})
        await socket.close()

    client = await gateway(script)
    await _all(client)
    assert all(beat["op"] == 3 for beat in beats)
    last = beats[-1]["d"]
    assert isinstance(last, dict)
    assert last["seq_ack"] == 41
    assert client.latency is not None
    assert 0 <= client.latency < 1


@pytest.mark.parametrize(
    "nonsense",
    ["", "no JSON", "[]", "7", "null", "{}", '{"op": "2"}', '{"op": null}', '{"d": {}}', "[" * 100_000, '{"op": 2'],
)
async def test_what_is_no_message_is_passed_over(gateway: Connect, nonsense: str) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_str(nonsense)
        await socket.send_json({"op": 11, "d": {"user_ids": []}, "seq": 3})
        await socket.close(code=4014)

    client = await gateway(script)
    assert await _all(client) == [Message(11, {"user_ids": []})]
    assert client.close_code == 4014


async def test_a_sequence_that_is_no_number_is_not_taken(gateway: Connect) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_json({"op": 5, "d": {}, "seq": 3})
        await socket.send_json({"op": 5, "d": {}, "seq": "4"})
        await socket.close()

    client = await gateway(script)
    assert len(await _all(client)) == 2
    assert client.sequence == 3


async def test_a_message_without_end_breaks_the_connection(server: Server) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        with contextlib.suppress(ConnectionError):
            await socket.send_str(" " * (MAX_MESSAGE + 1))
            await socket.receive()

    server.script = script
    async with aiohttp.ClientSession() as http:
        client = VoiceGateway(await open_socket(http, f"http://127.0.0.1:{server.port}/"))
        assert await _all(client) == []
        assert client.close_code is None  # so that the session is resumed
        await client.close()


@pytest.mark.parametrize("asked", [0, -5, 1e300, float("nan"), 10**400, "200", None, []], ids=lambda a: str(a)[:12])
async def test_a_heartbeat_that_cannot_be_meant_is_not_followed(gateway: Connect, asked: object) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_json({"op": 8, "d": {"heartbeat_interval": asked}})
        first = json.loads((await socket.receive(timeout=10)).data)
        await socket.send_json({"op": 6, "d": {"t": first["d"]["t"]}})
        with contextlib.suppress(TimeoutError):
            await socket.receive(timeout=0.1)
            await socket.send_json({"op": 5, "d": {"beats": "too soon"}})
        await socket.close()

    client = await gateway(script)
    assert await _all(client) == []


async def test_a_server_that_acknowledges_nothing_is_gone(gateway: Connect) -> None:
    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.send_json({"op": 8, "d": {"heartbeat_interval": 20}})
        while not socket.closed:
            await socket.receive(timeout=2)

    client = await gateway(script)
    async with asyncio.timeout(3):
        await _all(client)
    assert client.close_code is None  # ours, not the server's: the session is resumed


async def test_who_is_cancelled_while_closing_is_cancelled(gateway: Connect) -> None:
    """The heartbeat is waited for; its cancellation must not be taken for that of whoever waits."""

    async def script(socket: web.WebSocketResponse, request: web.Request) -> None:
        await socket.receive()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)

    client = await gateway(script)
    client._heartbeat = asyncio.create_task(slow_to_end())
    await asyncio.sleep(0)
    went_on: list[bool] = []

    async def closes() -> None:
        await client.close()
        went_on.append(True)

    closing = asyncio.create_task(closes())
    await asyncio.sleep(0.01)
    closing.cancel()
    await asyncio.wait({closing})
    assert closing.cancelled()
    assert went_on == []
