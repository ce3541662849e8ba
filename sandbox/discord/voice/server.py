"""The voice servers of all channels: the v8 gateway's websocket and one UDP socket for everyone's RTP.

Source: https://discord.com/developers/docs/topics/voice-connections, and its table of close codes.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from . import mls, transport
from .behaviour import VoiceBehaviour
from .nat import Nat
from .room import Connection, VoicePermissions, VoiceRoom

IDENTIFY, SELECT_PROTOCOL, READY, HEARTBEAT, SESSION_DESCRIPTION = 0, 1, 2, 3, 4
SPEAKING, HEARTBEAT_ACK, RESUME, HELLO, RESUMED = 5, 6, 7, 8, 9
DAVE_JSON_OPS = (23, 31)

UNKNOWN_OPCODE, BAD_PAYLOAD, NOT_AUTHENTICATED, AUTHENTICATION_FAILED = 4001, 4002, 4003, 4004
SESSION_INVALID, SESSION_TIMEOUT, DISCONNECTED, UNKNOWN_MODE, DAVE_REQUIRED = 4006, 4009, 4014, 4016, 4017

RESUME_WINDOW = 60.0  # seconds a session outlives its websocket
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What VOICE_SERVER_UPDATE and VOICE_STATE_UPDATE together let a user claim."""

    token: str
    guild_id: int
    channel_id: int
    user_id: int
    session_id: str
    permissions: VoicePermissions


class VoiceServer(asyncio.DatagramProtocol):
    """Hands out tickets, speaks the voice gateway to those who bring one, and forwards their RTP."""

    def __init__(self, *, modes: tuple[str, ...] = transport.MODES) -> None:
        self.rooms: dict[int, VoiceRoom] = {}
        self.modes = modes
        self.heartbeat_interval = 13.75  # seconds
        self.behaviour = VoiceBehaviour()  # where no channel has one of its own
        self.behaviours: dict[int, VoiceBehaviour] = {}  # by channel id
        self.nat = Nat()
        self.hello: Json = {}  # what Hello has besides, or instead of, the documented fields
        self.reject_with: int | None = None  # a close code for every new websocket, when asked for
        self.latency = 0.0  # seconds that websocket messages take to clients who identify from now on; UDP takes none
        self.hold_dave = False  # leave new clients without DAVE messages, when asked for
        self.udp_blocked = False  # swallow every datagram, as a firewall does, when asked for
        self._tickets: dict[str, Ticket] = {}
        self._connections: dict[int, tuple[VoiceRoom, Connection]] = {}
        self._sockets: dict[int, web.WebSocketResponse] = {}
        self._expiry: dict[int, asyncio.TimerHandle] = {}
        self._ssrc: Iterator[int] = itertools.count(10_001)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))

    async def stop(self) -> None:
        for handle in self._expiry.values():
            handle.cancel()
        for socket in list(self._sockets.values()):
            await socket.close(code=1001)
        if self._transport is not None:
            self._transport.close()

    @property
    def udp_port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def behaviour_in(self, channel_id: int) -> VoiceBehaviour:
        return self.behaviours.get(channel_id, self.behaviour)

    def room(self, guild_id: int, channel_id: int) -> VoiceRoom:
        if channel_id not in self.rooms:
            room = self.rooms[channel_id] = VoiceRoom(guild_id, channel_id, self._send)
            room.group.start_at(self.behaviour_in(channel_id).first_transition)
        self.rooms[channel_id].behaviour = self.behaviour_in(channel_id)
        return self.rooms[channel_id]

    def issue(
        self, guild_id: int, channel_id: int, user_id: int, session_id: str, permissions: VoicePermissions
    ) -> Ticket:
        """A ticket for one user; a ticket it had for the same guild is void from now on."""
        self._tickets = {
            token: ticket
            for token, ticket in self._tickets.items()
            if (ticket.guild_id, ticket.user_id) != (guild_id, user_id)
        }
        ticket = Ticket(secrets.token_hex(8), guild_id, channel_id, user_id, session_id, permissions)
        self._tickets[ticket.token] = ticket
        return ticket

    def revoke(self, guild_id: int, user_id: int, *, code: int = DISCONNECTED) -> None:
        """End a user's voice session in a guild, as the gateway does when it leaves, is moved or kicked."""
        for token, ticket in list(self._tickets.items()):
            if (ticket.guild_id, ticket.user_id) == (guild_id, user_id):
                del self._tickets[token]
        for room, connection in list(self._connections.values()):
            if room.guild_id == guild_id and connection.user_id == user_id:
                self._forget(room, connection, code)

    def has_session(self, guild_id: int, user_id: int) -> bool:
        """Whether a user has a voice session in a guild, or a ticket for one."""
        tickets = any((t.guild_id, t.user_id) == (guild_id, user_id) for t in self._tickets.values())
        return tickets or any(r.guild_id == guild_id and c.user_id == user_id for r, c in self._connections.values())

    def close_sockets(self, guild_id: int, user_id: int, code: int) -> None:
        """Close a user's voice websocket with any code, its session left as it is."""
        for room, connection in self._connections.values():
            if room.guild_id == guild_id and connection.user_id == user_id:
                connection.close(code)

    def forget_sessions(self, guild_id: int, user_id: int) -> None:
        """Lose a session on the server's side, so that a resume is answered with 4006."""
        for room, connection in list(self._connections.values()):
            if room.guild_id == guild_id and connection.user_id == user_id:
                self._forget(room, connection, SESSION_INVALID)
        self._tickets = {t: k for t, k in self._tickets.items() if (k.guild_id, k.user_id) != (guild_id, user_id)}

    def _forget(self, room: VoiceRoom, connection: Connection, code: int | None) -> None:
        self._connections.pop(connection.ssrc, None)
        handle = self._expiry.pop(connection.ssrc, None)
        if handle is not None:
            handle.cancel()
        room.remove(connection, close_code=code)

    # -- UDP ----------------------------------------------------------------------------------------------------

    def _send(self, datagram: bytes, address: tuple[str, int]) -> None:
        client = self.nat.back(address, time.monotonic())
        if self._transport is not None and client is not None:
            self._transport.sendto(datagram, client)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self.udp_blocked:
            return
        seen_at = self.nat.out((str(addr[0]), addr[1]), time.monotonic())
        if len(data) == 74 and data[:2] == b"\x00\x01":
            self._discover(data, seen_at)
            return
        if transport.is_rtp(data):
            found = self._connections.get(struct.unpack_from(">I", data, 8)[0])
            if found is not None:
                found[0].forward(found[1], data)

    def _discover(self, data: bytes, address: tuple[str, int]) -> None:
        found = self._connections.get(struct.unpack_from(">I", data, 4)[0])
        if found is None:
            return
        reply = b"\x00\x02\x00\x46" + data[4:8] + address[0].encode().ljust(64, b"\0")
        self._send(reply + struct.pack(">H", address[1]), address)

    # -- websocket ----------------------------------------------------------------------------------------------

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One client's connection, from hello to close."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.reject_with is not None:
            await socket.close(code=self.reject_with)
            return socket
        hello = {"v": 8, "heartbeat_interval": self.heartbeat_interval * 1000, **self.hello}
        await socket.send_str(json.dumps({"op": HELLO, "d": hello}))
        session = _Session(self, socket)
        try:
            code = await session.run()
            if code is not None:
                await socket.close(code=code)
        finally:
            await session.finish()
        return socket

    def _identify(self, data: Json) -> tuple[VoiceRoom, Connection] | int:
        ticket = self._tickets.get(str(data.get("token")))
        if ticket is None or str(ticket.user_id) != data.get("user_id"):
            return AUTHENTICATION_FAILED
        if ticket.session_id != data.get("session_id") or str(ticket.guild_id) != data.get("server_id"):
            return SESSION_INVALID
        if int(data.get("max_dave_protocol_version", 0)) < 1:
            return DAVE_REQUIRED
        behaviour = self.behaviour_in(ticket.channel_id)
        if behaviour.refuse_identifies > 0 and ticket.user_id not in behaviour.spares:
            behaviour.refuse_identifies -= 1
            return behaviour.refuse_with
        room = self.room(ticket.guild_id, ticket.channel_id)
        old = room.of_user(ticket.user_id)
        if old is not None:
            self._forget(room, old, SESSION_INVALID)
        modes, fields = self.modes, None
        if ticket.user_id not in behaviour.spares:
            modes, fields = behaviour.modes or self.modes, behaviour.fields
        connection = Connection(ticket.user_id, next(self._ssrc), modes, ticket.permissions, self.latency, fields)
        room.add(connection)
        self._connections[connection.ssrc] = (room, connection)
        return room, connection

    def _resume(self, data: Json) -> tuple[VoiceRoom, Connection] | int:
        ticket = self._tickets.get(str(data.get("token")))
        if ticket is None or ticket.session_id != data.get("session_id"):
            return SESSION_INVALID
        room = self.room(ticket.guild_id, ticket.channel_id)
        connection = room.of_user(ticket.user_id)
        if connection is None:
            return SESSION_INVALID
        handle = self._expiry.pop(connection.ssrc, None)
        if handle is not None:
            handle.cancel()
        connection.replay(int(data.get("seq_ack", -1)))
        return room, connection

    def _lost(self, room: VoiceRoom, connection: Connection) -> None:
        """A websocket ended without the session: keep that for a while, so that the client can resume."""
        if connection.ssrc in self._connections:
            self._expiry[connection.ssrc] = asyncio.get_running_loop().call_later(
                RESUME_WINDOW, self._forget, room, connection, None
            )


class _Session:
    """One websocket: authenticates, then reads until it ends while a task of its own writes."""

    def __init__(self, server: VoiceServer, socket: web.WebSocketResponse) -> None:
        self._server = server
        self._socket = socket
        self._found: tuple[VoiceRoom, Connection] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._last_heartbeat = time.monotonic()

    async def run(self) -> int | None:
        """Read messages; the close code for the client's mistake, None when it went by itself."""
        while True:
            allowance = 2 * self._server.heartbeat_interval - (time.monotonic() - self._last_heartbeat)
            try:
                message = await self._socket.receive(timeout=max(allowance, 0.01))
            except TimeoutError:
                return SESSION_TIMEOUT
            if message.type is WSMsgType.TEXT:
                body = json.loads(message.data)
                code = await self._json(body["op"], body.get("d"))
            elif message.type is WSMsgType.BINARY:
                code = self._dave(message.data[0], bytes(message.data[1:]))
            else:
                return None
            if code is not None:
                return code

    async def finish(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        if self._found is not None:
            room, connection = self._found
            if self._server._sockets.get(connection.ssrc) is self._socket:
                del self._server._sockets[connection.ssrc]
                self._server._lost(room, connection)

    async def _json(self, op: int, data: Any) -> int | None:
        if op == HEARTBEAT:
            self._last_heartbeat = time.monotonic()
            reply = {"op": HEARTBEAT_ACK, "d": {"t": data["t"] if isinstance(data, dict) else data}}
            late = 0.0 if self._found is None else self._found[0].behaviour.acknowledgement_delay
            if self._found is not None and late:
                self._found[1].send_unnumbered(reply, late)
            else:
                await self._socket.send_str(json.dumps(reply))
            return None
        if op in (IDENTIFY, RESUME):
            found = self._server._identify(data) if op == IDENTIFY else self._server._resume(data)
            if isinstance(found, int):
                return found
            self._start(*found)
            self._greet(op, found[1])
            return None
        if self._found is None:
            return NOT_AUTHENTICATED
        room, connection = self._found
        if op == SELECT_PROTOCOL:
            return await self._select(room, connection, data["data"])
        if op == SPEAKING:
            room.speaking(connection, int(data["speaking"]))
            return None
        return self._dave(op, data) if op in DAVE_JSON_OPS else UNKNOWN_OPCODE

    def _start(self, room: VoiceRoom, connection: Connection) -> None:
        self._found = room, connection
        self._server._sockets[connection.ssrc] = self._socket
        self._writer = asyncio.create_task(self._write(connection.outbox))

    def _greet(self, op: int, connection: Connection) -> None:
        if op == RESUME:
            connection.send(RESUMED, {})
            return
        offer = {"ssrc": connection.ssrc, "ip": "127.0.0.1", "port": self._server.udp_port}
        connection.send(READY, {**offer, "modes": list(connection.mode_offer), "experiments": []})

    async def _select(self, room: VoiceRoom, connection: Connection, choice: Json) -> int | None:
        mode = choice["mode"]
        if mode not in connection.mode_offer:
            return UNKNOWN_MODE
        connection.address = str(choice["address"]), int(choice["port"])  # where it says that it can be reached
        connection.use(mode)
        await asyncio.sleep(room.behaviour.description_delay)
        description: Json = {"mode": mode, "secret_key": list(connection.secret_key)}
        connection.send(SESSION_DESCRIPTION, {**description, "dave_protocol_version": room.group.version})
        if not self._server.hold_dave:
            room.welcome(connection)
        return None

    def _dave(self, op: int, data: Json | bytes) -> int | None:
        if self._found is None:
            return NOT_AUTHENTICATED
        room, connection = self._found
        try:
            room.dave(connection, op, data)
        except mls.MlsError:
            return BAD_PAYLOAD
        return None

    async def _write(self, outbox: asyncio.Queue[tuple[float, str | bytes] | int]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            item = await outbox.get()
            if isinstance(item, int):
                await self._socket.close(code=item)
                return
            due, message = item
            await asyncio.sleep(due - loop.time())
            with contextlib.suppress(ConnectionError):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
