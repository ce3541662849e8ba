"""One voice channel on a voice server: who is connected, whose sound goes to whom, and the DAVE group."""

import asyncio
import json
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import dave_group, mls, transport
from .behaviour import VoiceBehaviour

SPEAKING, RESUMED, CLIENTS_CONNECT, CLIENT_DISCONNECT = 5, 9, 11, 13
REPLAY_LIMIT = 256  # messages kept for a resume

Json = dict[str, Any]


@dataclass(slots=True)
class VoicePermissions:
    """What the guild lets a member do in the channel, asked for on every packet."""

    may_speak: Callable[[], bool]
    may_hear: Callable[[], bool]


class Connection:
    """One client's voice session: its keys, its SSRC, and an outbox that survives a lost websocket."""

    def __init__(
        self,
        user_id: int,
        ssrc: int,
        mode_offer: tuple[str, ...],
        permissions: VoicePermissions,
        latency: float = 0.0,
        fields: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """`latency`: seconds that every message takes to the client. `fields`: what messages of an opcode have
        besides, or instead of, the documented ones."""
        self.user_id = user_id
        self.ssrc = ssrc
        self.mode_offer = mode_offer
        self.permissions = permissions
        self.secret_key = os.urandom(32)
        self.address: tuple[str, int] | None = None
        self.receiver: transport.Cipher | None = None
        self.sender: transport.Cipher | None = None
        #: The speaking bits of every op 5 it sent. The server takes no sound from who sent none.
        self.announced: list[int] = []
        self.sent_rtp = False
        #: (when it is to arrive in the loop's time, message), or a close code.
        self.outbox: asyncio.Queue[tuple[float, str | bytes] | int] = asyncio.Queue()
        self._latency = latency
        self._fields = fields or {}
        self._last_due = 0.0
        self._sequence = 0
        self._sent: deque[tuple[int, str | bytes]] = deque(maxlen=REPLAY_LIMIT)

    @property
    def introduced(self) -> bool:
        return bool(self.announced)

    def use(self, mode: str) -> None:
        self.receiver = transport.Cipher(mode, self.secret_key)
        self.sender = transport.Cipher(mode, self.secret_key)

    def send(self, op: int, data: Json | bytes, delay: float = 0.0) -> None:
        """Queue one message with the next sequence number, and keep it for a resume. What is delayed delays what comes
        behind it: TCP keeps the order."""
        self._sequence += 1
        sequence = self._sequence & 0xFFFF
        if isinstance(data, bytes):
            message: str | bytes = struct.pack(">HB", sequence, op) + data
        else:
            message = json.dumps({"op": op, "d": {**data, **self._fields.get(op, {})}, "seq": sequence})
        self._sent.append((self._sequence, message))
        self.outbox.put_nowait((self._due(delay), message))

    def send_unnumbered(self, body: Json, delay: float) -> None:
        """Queue what no resume repeats, beside what else is sent."""
        loop = asyncio.get_running_loop()
        loop.call_later(delay, self.outbox.put_nowait, (loop.time() + delay, json.dumps(body)))

    def _due(self, delay: float = 0.0) -> float:
        self._last_due = max(self._last_due, asyncio.get_running_loop().time() + self._latency + delay)
        return self._last_due

    def close(self, code: int) -> None:
        """Queue the end of the websocket with a close code."""
        self.outbox.put_nowait(code)

    def replay(self, acknowledged: int) -> None:
        """Start a fresh outbox with all the client has not acknowledged (op 7 `seq_ack`, -1 for nothing)."""
        self.outbox = asyncio.Queue()
        for sequence, message in self._sent:
            if sequence > acknowledged:
                self.outbox.put_nowait((self._due(), message))


@dataclass(slots=True)
class VoiceRoom:
    """Forwards sound between all connections of one channel and runs its DAVE group."""

    guild_id: int
    channel_id: int
    send_datagram: Callable[[bytes, tuple[str, int]], None]
    group: dave_group.DaveGroup = field(init=False)
    connections: dict[int, Connection] = field(default_factory=dict)  # by SSRC
    behaviour: VoiceBehaviour = field(default_factory=VoiceBehaviour)
    forwarded: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.group = dave_group.DaveGroup(self.channel_id)

    def of_user(self, user_id: int) -> Connection | None:
        return next((c for c in self.connections.values() if c.user_id == user_id), None)

    def add(self, connection: Connection) -> None:
        """A client identified; a second session of the same user replaces the first."""
        old = self.of_user(connection.user_id)
        if old is not None:
            self.remove(old, close_code=4006)
        self.connections[connection.ssrc] = connection

    def welcome(self, connection: Connection) -> None:
        """The client has its keys: tell it who is here, tell them it is, and start its DAVE handshake."""
        behaviour = self.behaviour
        others = [c for c in self.connections.values() if c is not connection]
        if others and behaviour.announces:
            connection.send(CLIENTS_CONNECT, {"user_ids": [str(c.user_id) for c in others]})
        if behaviour.strange_messages:
            for op, data in _STRANGE:
                connection.send(op, data)
        for other in others:
            if behaviour.announces:
                other.send(CLIENTS_CONNECT, {"user_ids": [str(connection.user_id)]})
            if other.introduced and (behaviour.introduces_present or connection.user_id in behaviour.spares):
                self._introduce(other, connection, 1)
        self.route(self.group.connect(connection.user_id))

    def _introduce(self, speaker: Connection, to: Connection, bits: int) -> None:
        delay = 0.0 if to.user_id in self.behaviour.spares else self.behaviour.introduction_delay
        if delay:  # behind whatever else is sent meanwhile
            asyncio.get_running_loop().call_later(delay, to.send, SPEAKING, _speaking(speaker, bits))
        else:
            to.send(SPEAKING, _speaking(speaker, bits))

    def remove(self, connection: Connection, *, close_code: int | None = None) -> None:
        """A client is gone for good: the others hear of it and rotate their keys."""
        if self.connections.pop(connection.ssrc, None) is None:
            return
        if close_code is not None:
            connection.close(close_code)
        gone = {"user_id": str(connection.user_id)}
        for other in self.connections.values():
            if self.behaviour.late_disconnect is None:
                other.send(CLIENT_DISCONNECT, gone)
            else:
                asyncio.get_running_loop().call_later(
                    self.behaviour.late_disconnect, other.send, CLIENT_DISCONNECT, gone
                )
        self.route(self.group.disconnect(connection.user_id))

    def speaking(self, connection: Connection, bits: int) -> None:
        """Op 5 from a client: its SSRC is passed on when it speaks for the first time, and not again."""
        first = connection.introduced is False
        spoke = any(connection.announced)
        connection.announced.append(bits)
        if not (first or (bits and not spoke)):
            return
        behaviour = self.behaviour
        for other in self.connections.values():
            told = behaviour.introduces_speakers or other.user_id in behaviour.spares
            if other is not connection and told:
                self._introduce(connection, other, bits)

    def dave(self, connection: Connection, op: int, data: Json | bytes) -> None:
        """A DAVE opcode from a client; MlsError when it is malformed."""
        user_id = connection.user_id
        if op == 26 and isinstance(data, bytes):
            self.route(self.group.key_package(user_id, data))
        elif op == 28 and isinstance(data, bytes):
            self.route(self.group.commit(user_id, data))
        elif op == 23 and isinstance(data, dict):
            self.route(self.group.ready(user_id, int(data["transition_id"])))
        elif op != 31:  # after op 31 the client sends a new key package, which re-adds it
            raise mls.MlsError(f"unexpected DAVE opcode {op}")

    def route(self, messages: list[dave_group.Outgoing]) -> None:
        for message in messages:
            connection = self.of_user(message.user_id)
            if connection is not None:
                connection.send(message.op, message.data, self.behaviour.dave_delay)
                if self.behaviour.dave_twice and isinstance(message.data, bytes):
                    connection.send(message.op, message.data)

    def forward(self, connection: Connection, datagram: bytes) -> None:
        """Decrypt a client's packet and send it to everyone else who may hear it."""
        if connection.receiver is None:
            return
        try:
            packet = connection.receiver.decrypt(datagram)
        except transport.TransportError:
            self.refused += 1
            return
        allowed = connection.introduced and connection.permissions.may_speak()
        if packet.ssrc != connection.ssrc or not allowed:
            self.refused += 1
            return
        self.forwarded += 1
        connection.sent_rtp = True
        behaviour = self.behaviour
        for other in list(self.connections.values()):
            if other is connection or other.address is None or other.sender is None:
                continue
            if not other.permissions.may_hear() or (behaviour.sends_to_who_sent and not other.sent_rtp):
                continue
            for datagram in self._datagrams(other.sender, packet):
                self.send_datagram(datagram, other.address)

    def _datagrams(self, sender: transport.Cipher, packet: transport.Packet) -> Iterator[bytes]:
        """A packet as it is sent to one client, with what comes along."""
        behaviour = self.behaviour
        if "padding" in behaviour.noise:  # packets of it alone have numbers of their own in the stream
            packet = replace(packet, sequence=2 * packet.sequence & 0xFFFF)
        yield sender.encrypt(packet, extension=behaviour.extension, padding=behaviour.padding)
        if behaviour.rtcp and self.forwarded % 250 == 1:
            yield _sender_report(packet)
        if "padding" in behaviour.noise:
            yield sender.encrypt(replace(packet, sequence=packet.sequence + 1, payload=b""), padding=200)
        if "zeros" in behaviour.noise:
            yield bytes(200)
            yield sender.encrypt(replace(packet, ssrc=packet.ssrc + 500_000, payload=bytes(60)))
        if "retransmission" in behaviour.noise:
            yield sender.encrypt(replace(packet, ssrc=packet.ssrc + 600_000), payload_type=transport.RETRANSMISSION)
        if "camera" in behaviour.noise:
            for part in range(8):
                one = replace(packet, ssrc=packet.ssrc + 700_000, sequence=part, payload=packet.payload * 8)
                yield sender.encrypt(one, payload_type=transport.VIDEO)


#: Opcodes that clients have reported and the documentation does not have, and one that nobody has seen.
_STRANGE: tuple[tuple[int, Json], ...] = (
    (15, {"any": 100, "ssrcs": {}}),
    (18, {"user_id": "1", "flags": 2}),
    (20, {"user_id": "1", "platform": None}),
    (99, {"hello": ["there"]}),
)


def _speaking(connection: Connection, bits: int) -> Json:
    return {"user_id": str(connection.user_id), "ssrc": connection.ssrc, "speaking": bits}


def _sender_report(packet: transport.Packet) -> bytes:
    """An RTCP sender report (RFC 3550 section 6.4.1), which shares the socket with the sound."""
    return struct.pack(">BBHIQIII", 0x80, 200, 6, packet.ssrc, 0, packet.timestamp, 1, 100)
