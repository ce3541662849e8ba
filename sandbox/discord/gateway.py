"""Discord's gateway: one websocket per bot session, with identify, heartbeat, resume and compression.

Source: https://discord.com/developers/docs/events/gateway
"""

import asyncio
import contextlib
import json
import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import zstandard
from aiohttp import WSMsgType, web

from .model import BotAccount, Json, World
from .session_starts import SessionStarts

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11
DECODE_ERROR, NOT_AUTHENTICATED, AUTHENTICATION_FAILED, SESSION_TIMED_OUT = 4002, 4003, 4004, 4009
DISALLOWED_INTENTS = 4014
REPLAY_LIMIT = 1000


class _Encoder(Protocol):
    def __call__(self, body: Json) -> str | bytes: ...


def _plain(body: Json) -> str:
    return json.dumps(body)


def _zlib_stream() -> _Encoder:
    stream = zlib.compressobj()
    return lambda body: stream.compress(json.dumps(body).encode()) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd_stream() -> _Encoder:
    stream = zstandard.ZstdCompressor().compressobj()
    return lambda body: stream.compress(json.dumps(body).encode()) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def encoder_for(compress: str | None) -> _Encoder:
    """The transport compression a client asked for in the URL; plain JSON text when it asked for none."""
    if compress == "zlib-stream":
        return _zlib_stream()
    if compress == "zstd-stream":
        return _zstd_stream()
    return _plain


class Outbox:
    """What goes to one websocket, in order, each thing after the latency of when it was put in."""

    def __init__(self, latency: Callable[[], float]) -> None:
        """`latency` in seconds."""
        self._latency = latency
        self._queue: asyncio.Queue[tuple[float, Json | int]] = asyncio.Queue()

    def put_nowait(self, body: Json | int) -> None:
        self._queue.put_nowait((asyncio.get_running_loop().time() + self._latency(), body))

    async def get(self) -> Json | int:
        due, body = await self._queue.get()
        left = due - asyncio.get_running_loop().time()
        if left > 0:  # even a sleep of nothing would let others overtake it
            await asyncio.sleep(left)
        return body


@dataclass(slots=True)
class BotSession:
    """A bot's logical session, which outlives the websocket it is spoken over."""

    bot: BotAccount
    intents: int
    shard: tuple[int, int]
    session_id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    sent: deque[Json] = field(default_factory=lambda: deque(maxlen=REPLAY_LIMIT))
    outbox: Outbox | None = None  # None while no websocket is attached

    def dispatch(self, event: str, payload: Json) -> None:
        """Number an event, keep it for a resume and send it when someone listens."""
        self.sequence += 1
        body = {"op": DISPATCH, "s": self.sequence, "t": event, "d": payload}
        self.sent.append(body)
        if self.outbox is not None:
            self.outbox.put_nowait(body)


class Gateway:
    """All gateway sessions of all bots."""

    def __init__(
        self, world: World, starts: SessionStarts, on_voice_request: Callable[[BotSession, Json], None]
    ) -> None:
        self._world = world
        self._starts = starts
        self._on_voice_request = on_voice_request
        self.sessions: dict[str, BotSession] = {}
        self.heartbeat_interval = 41.25  # seconds
        self.latency = 0.0  # seconds that every message takes to a bot
        self.refuse_intents = 0  # bits of privileged intents that no bot was granted
        world.listeners.append(self._on_event)

    def sessions_of(self, bot: BotAccount) -> list[BotSession]:
        return [session for session in self.sessions.values() if session.bot is bot]

    def send(self, bot: BotAccount, event: str, payload: Json) -> None:
        """An event for one bot alone: interactions, VOICE_SERVER_UPDATE."""
        guild_id = int(payload.get("guild_id") or 0)
        for session in self.sessions_of(bot):
            if (guild_id >> 22) % session.shard[1] == session.shard[0]:
                session.dispatch(event, payload)

    def drop(self, bot: BotAccount, *, code: int = 1001, resumable: bool = True) -> None:
        """Cut a bot's websockets; without `resumable` its next resume is refused (op 9)."""
        for session in self.sessions_of(bot):
            if session.outbox is not None:
                session.outbox.put_nowait(code)
            if not resumable:
                del self.sessions[session.session_id]

    def _on_event(self, event: str, payload: Json) -> None:
        guild_id = payload.get("guild_id")
        if guild_id is None and event.startswith("GUILD_"):
            guild_id = payload.get("id")
        for session in list(self.sessions.values()):
            if guild_id is not None and event != "GUILD_DELETE":
                if not self._world.is_member(int(guild_id), session.bot.user_id):
                    continue
                if (int(guild_id) >> 22) % session.shard[1] != session.shard[0]:
                    continue
            pruned = self._world.prune(event, payload, session.intents, session.bot)
            if pruned is not None:
                session.dispatch(event, pruned)

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One connection of a bot, from hello to close."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        outbox = Outbox(lambda: self.latency)
        writer = asyncio.create_task(_write(socket, outbox, encoder_for(request.query.get("compress"))))
        outbox.put_nowait({"op": HELLO, "d": {"heartbeat_interval": int(self.heartbeat_interval * 1000)}})
        connection = _Connection(self, socket, outbox)
        try:
            code = await connection.run()
            if code is not None:
                await socket.close(code=code)
        finally:
            connection.detach()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket


class _Connection:
    """Reads what one bot says over one websocket."""

    def __init__(self, gateway: Gateway, socket: web.WebSocketResponse, outbox: Outbox) -> None:
        self._gateway = gateway
        self._socket = socket
        self._outbox = outbox
        self._session: BotSession | None = None

    async def run(self) -> int | None:
        allowance = 2 * self._gateway.heartbeat_interval
        deadline = time.monotonic() + allowance
        while True:
            try:
                message = await self._socket.receive(timeout=max(deadline - time.monotonic(), 0.01))
            except TimeoutError:
                return SESSION_TIMED_OUT
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return None
            try:
                body = json.loads(message.data)
                op, data = body["op"], body.get("d")
            except (ValueError, KeyError):
                return DECODE_ERROR
            if op == HEARTBEAT:
                deadline = time.monotonic() + allowance
                self._outbox.put_nowait({"op": HEARTBEAT_ACK})
                continue
            code = self._handle(op, data)
            if code is not None:
                return code

    def detach(self) -> None:
        if self._session is not None and self._session.outbox is self._outbox:
            self._session.outbox = None

    def _handle(self, op: int, data: Any) -> int | None:
        if op == IDENTIFY:
            return self._identify(data)
        if op == RESUME:
            return self._resume(data)
        if self._session is None:
            return NOT_AUTHENTICATED
        if op == VOICE_STATE:
            self._gateway._on_voice_request(self._session, data)
        elif op == REQUEST_MEMBERS:
            self._members(self._session, data)
        return None if op in (VOICE_STATE, REQUEST_MEMBERS, PRESENCE) else 4001

    def _identify(self, data: Json) -> int | None:
        world = self._gateway._world
        bot = world.bots.get(str(data.get("token")))
        if bot is None:
            return AUTHENTICATION_FAILED
        if int(data.get("intents", 0)) & self._gateway.refuse_intents:
            return DISALLOWED_INTENTS
        if not self._gateway._starts.begin(bot.user_id, time.monotonic()):
            del world.bots[bot.token]  # Discord resets the token, and mails the owner
            return AUTHENTICATION_FAILED
        shard = data.get("shard") or (0, 1)
        session = BotSession(bot, int(data["intents"]), (int(shard[0]), int(shard[1])), outbox=self._outbox)
        self._session = session
        session.dispatch("READY", world.ready(bot, session.session_id, session.shard))
        self._gateway.sessions[session.session_id] = session
        for guild_id in world.guilds_of(bot, session.shard):
            pruned = world.prune("GUILD_CREATE", world.guild_create(guild_id), session.intents, bot)
            if pruned is not None:
                session.dispatch("GUILD_CREATE", pruned)
        return None

    def _resume(self, data: Json) -> int | None:
        session = self._gateway.sessions.get(str(data.get("session_id")))
        if session is None or session.bot.token != data.get("token"):
            self._outbox.put_nowait({"op": INVALID_SESSION, "d": False})
            return None
        self._session = session
        session.outbox = self._outbox
        for body in session.sent:
            if body["s"] > int(data["seq"]):
                self._outbox.put_nowait(body)
        session.dispatch("RESUMED", {})
        return None

    def _members(self, session: BotSession, data: Json) -> None:
        guild = self._gateway._world.guild_create(int(data["guild_id"]))
        wanted = data.get("user_ids")
        wanted = [wanted] if isinstance(wanted, str) else wanted
        members = [member for member in guild["members"] if wanted is None or member["user"]["id"] in map(str, wanted)]
        chunk = {"guild_id": guild["id"], "members": members, "chunk_index": 0, "chunk_count": 1}
        session.dispatch("GUILD_MEMBERS_CHUNK", {**chunk, "nonce": data.get("nonce")})


async def _write(socket: web.WebSocketResponse, outbox: Outbox, encode: _Encoder) -> None:
    while True:
        body = await outbox.get()
        if isinstance(body, int):
            await socket.close(code=body)
            return
        encoded = encode(body)
        with contextlib.suppress(ConnectionError):
            await (socket.send_str(encoded) if isinstance(encoded, str) else socket.send_bytes(encoded))
