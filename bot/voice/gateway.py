"""The voice gateway's websocket, version 8: messages in order, heartbeats, sequence numbers.

One object is one websocket; `connection` opens the next one when this one is lost.
Source: https://discord.com/developers/docs/topics/voice-connections
"""

import asyncio
import contextlib
import json
import logging
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.recorder.events import GatewayClosed, GatewayMessage
from bot.recorder.recorder import NOT_RECORDED, Recorder

from .dave import MAX_PROTOCOL_VERSION, Reply

IDENTIFY, SELECT_PROTOCOL, READY, HEARTBEAT, SESSION_DESCRIPTION = 0, 1, 2, 3, 4
SPEAKING, HEARTBEAT_ACK, RESUME, HELLO, RESUMED = 5, 6, 7, 8, 9
CLIENTS_CONNECT, VIDEO, CLIENT_DISCONNECT = 11, 12, 13

MICROPHONE = 1  # the speaking bit for ordinary voice

#: Bytes of one message. The longest names everybody in a stage channel; what is longer breaks the connection.
MAX_MESSAGE = 4 * 1024 * 1024
#: Milliseconds between heartbeats that a server may ask for, and those used when it asks for others.
HEARTBEAT_MIN, HEARTBEAT_MAX, HEARTBEAT_DEFAULT = 10, 300_000, 13_750

_ENDS = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)

Json = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VoiceServerInfo:
    """Where the voice session lives and what lets us in; the token stays out of any repr."""

    endpoint: str
    token: str
    session_id: str
    guild_id: int
    channel_id: int
    user_id: int

    def __repr__(self) -> str:
        return f"VoiceServerInfo({self.endpoint}, guild {self.guild_id}, channel {self.channel_id})"


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the server: a JSON body, or the payload of a binary opcode."""

    op: int
    data: Any


class VoiceGateway:
    """One websocket to one voice server."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, sequence: int = -1, recorder: Recorder = NOT_RECORDED
    ) -> None:
        self._socket = socket
        self._recorder = recorder
        self.sequence = sequence  # of the last numbered message, -1 for none
        self.close_code: int | None = None  # the server's; None when the connection just broke
        self.latency: float | None = None  # seconds from heartbeat to acknowledgement
        self._heartbeat: asyncio.Task[None] | None = None
        self._heartbeat_sent = 0.0
        self._acknowledged = True

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, server: VoiceServerInfo, recorder: Recorder, sequence: int = -1
    ) -> "VoiceGateway":
        """Connect; aiohttp.ClientError or OSError when that fails."""
        endpoint = server.endpoint.removeprefix("wss://")
        return cls(await open_socket(http, f"wss://{endpoint}/?v=8"), sequence, recorder)

    async def identify(self, server: VoiceServerInfo) -> None:
        """Open a new voice session (opcode 0)."""
        await self.send(
            IDENTIFY,
            {
                "server_id": str(server.guild_id),
                "user_id": str(server.user_id),
                "session_id": server.session_id,
                "token": server.token,
                "max_dave_protocol_version": MAX_PROTOCOL_VERSION,
            },
        )

    async def resume(self, server: VoiceServerInfo) -> None:
        """Take up the voice session again (opcode 7)."""
        await self.send(
            RESUME,
            {
                "server_id": str(server.guild_id),
                "session_id": server.session_id,
                "token": server.token,
                "seq_ack": self.sequence,
            },
        )

    async def send(self, op: int, data: Json | bytes) -> None:
        """Send one message; a websocket that is gone swallows it, its reader will notice."""
        self._recorder.note(GatewayMessage("out", op, data))
        with contextlib.suppress(ConnectionError):
            if isinstance(data, bytes):
                await self._socket.send_bytes(bytes([op]) + data)
            else:
                await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def send_all(self, replies: list[Reply]) -> None:
        """Send several messages in their order."""
        for reply in replies:
            await self.send(reply.op, reply.data)

    async def messages(self) -> AsyncIterator[Message]:
        """Iterate over all messages until the websocket ends; hello and heartbeats are dealt with on the way.

        What is not a message as documented is passed over: one of them is no reason to lose the session.
        """
        while True:
            raw = await self._socket.receive()
            if raw.type in _ENDS:
                if raw.type is aiohttp.WSMsgType.CLOSE:
                    self.close_code = raw.data
                self._recorder.note(GatewayClosed(self.close_code))
                return
            if raw.type is aiohttp.WSMsgType.BINARY:
                if len(raw.data) >= 3:
                    self.sequence, op = struct.unpack_from(">HB", raw.data)
                    payload = bytes(raw.data[3:])
                    self._recorder.note(GatewayMessage("in", op, payload))
                    yield Message(op, payload)
            elif raw.type is aiohttp.WSMsgType.TEXT:
                message = self._read(raw.data)
                if message is None:
                    log.warning("a message of the voice server could not be understood")
                elif message.op == HELLO:
                    self._start_heartbeat(_interval(message.data))
                elif message.op == HEARTBEAT_ACK:
                    self._acknowledged = True
                    self.latency = time.monotonic() - self._heartbeat_sent
                else:
                    yield message

    def _read(self, text: str) -> Message | None:
        try:
            body = json.loads(text)
            op, sequence = body["op"], body.get("seq")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if not isinstance(op, int):
            return None
        if isinstance(sequence, int):
            self.sequence = sequence
        self._recorder.note(GatewayMessage("in", op, body.get("d")))
        return Message(op, body.get("d"))

    async def close(self, code: int = 1000) -> None:
        """End the websocket and the heartbeat; safe to call twice."""
        if self._heartbeat is not None:
            heartbeat, self._heartbeat = self._heartbeat, None
            heartbeat.cancel()
            await asyncio.wait({heartbeat})  # which tells its cancellation from our own
        await self._socket.close(code=code)

    def _start_heartbeat(self, interval: float) -> None:
        if self._heartbeat is None:
            self._heartbeat = asyncio.create_task(self._beat(interval), name="voice heartbeat")

    async def _beat(self, interval: float) -> None:
        while self._acknowledged:
            self._acknowledged = False
            self._heartbeat_sent = time.monotonic()
            await self.send(HEARTBEAT, {"t": int(time.time() * 1000), "seq_ack": self.sequence})
            await asyncio.sleep(interval)
        # A server that does not answer is gone; 4000 is not one of Discord's codes, so we resume.
        await self._socket.close(code=4000)


async def open_socket(http: aiohttp.ClientSession, address: str) -> aiohttp.ClientWebSocketResponse:
    """Open the websocket to a voice server; aiohttp.ClientError or OSError when that fails.

    It has no heartbeat of aiohttp's, since Discord's heartbeats do that. It does not close by itself either: when the
    server hangs up right behind its close frame, aiohttp fails to answer it and forgets the code in it.
    """
    return await http.ws_connect(
        address, max_msg_size=MAX_MESSAGE, autoclose=False, timeout=aiohttp.ClientWSTimeout(ws_close=2.0)
    )


def _interval(hello: Any) -> float:
    """Return the seconds between heartbeats that the server asks for."""
    asked = hello.get("heartbeat_interval") if isinstance(hello, dict) else None
    if isinstance(asked, int | float) and HEARTBEAT_MIN <= asked <= HEARTBEAT_MAX:
        return asked / 1000
    return HEARTBEAT_DEFAULT / 1000
