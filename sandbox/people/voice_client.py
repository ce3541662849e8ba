"""A person's Discord voice client: websocket, UDP and DAVE, on the same wires as any client.

Written apart from the bot's own driver on purpose: two implementations of the protocol check each other.
"""

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import davey
from aiohttp.abc import AbstractResolver, ResolveResult

from sandbox.discord.server import Discord, VoiceAccess
from sandbox.discord.voice import mls, transport

from .line import Line

Json = dict[str, Any]
#: Called with (user id, SSRC, RTP timestamp, Opus) of each packet heard.
Listener = Callable[[int, int, int, bytes], None]


class _ToSandbox(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        target = ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)
        return [target]

    async def close(self) -> None:
        """Nothing to close."""


class VoiceClient(asyncio.DatagramProtocol):
    """One connection to one voice channel."""

    def __init__(self, discord: Discord, access: VoiceAccess, listener: Listener, line: Line) -> None:
        self._access = access
        self._listener = listener
        self.line = line
        self._user_id = access.ticket.user_id
        self._dave = davey.DaveSession(1, self._user_id, access.ticket.channel_id)
        #: Send what nobody in the call can decrypt, as a client does whose keys went wrong.
        self.wrong_keys = False
        self._clear = False  # whether the call is not end-to-end encrypted
        self._clear_with: int | None = None  # the transition after which it is not
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_ToSandbox(discord.port), ssl=discord.client_tls())
        )
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._cipher: transport.Cipher | None = None
        self._unsealer: transport.Cipher | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._users: dict[int, int] = {}  # SSRC -> user id
        self.ssrc = 0
        self._sequence = 0
        self._speaking = False
        self._discovered: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self._proposed: dict[bytes, tuple[bytes, bool]] = {}  # by reference: a message, and whether it is an add
        self._followed = b""  # the last commit or Welcome
        self.undecryptable = 0
        self.keys_changed = asyncio.Event()
        self.close_code: int | None = None

    async def connect(self) -> None:
        """Shake hands; TimeoutError when the server does not play along."""
        self._socket = await self._http.ws_connect(f"wss://{self._access.host}/?v=8", max_msg_size=0)
        ticket = self._access.ticket
        await self._json(
            0,
            {
                "server_id": str(ticket.guild_id),
                "user_id": str(ticket.user_id),
                "session_id": ticket.session_id,
                "token": ticket.token,
                "max_dave_protocol_version": 1,
            },
        )
        self._tasks.append(asyncio.create_task(self._read(), name="person voice"))
        await asyncio.wait_for(self._ready.wait(), 10)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        if self._udp is not None:
            self._udp.close()
        await self._http.close()

    @property
    def has_keys(self) -> bool:
        return self._clear or bool(self._dave.ready)

    async def speaking(self, speaking: bool) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            await self._json(5, {"speaking": int(speaking), "delay": 0, "ssrc": self.ssrc})

    def send(self, opus: bytes, timestamp: int) -> None:
        """One packet over the person's line, sealed with DAVE; nothing while there are no keys."""
        if self._cipher is None or not self.has_keys:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        sealed = opus if self._clear else self._dave.encrypt_opus(opus)
        if self.wrong_keys:
            sealed = bytes(byte ^ 0x55 for byte in sealed[:4]) + sealed[4:]
        packet = transport.Packet(self._sequence, timestamp & 0xFFFF_FFFF, self.ssrc, sealed)
        self._over_the_line(self._cipher.encrypt(packet))

    def send_raw(self, datagram: bytes) -> None:
        """Any datagram, for hostile people."""
        assert self._udp is not None
        self._udp.sendto(datagram)

    def seal(self, packet: transport.Packet) -> bytes:
        """A packet with any payload in this session's transport encryption."""
        assert self._cipher is not None
        return self._cipher.encrypt(packet)

    def _over_the_line(self, datagram: bytes) -> None:
        udp = self._udp
        if udp is None:
            return
        if self.line.clean:
            udp.sendto(datagram)
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for delay in self.line.departures(now):
            loop.call_at(now + delay, udp.sendto, datagram)  # whatever happens meanwhile, in the line's order

    # -- what the server says -----------------------------------------------------------------------------------

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await self._binary(message.data[2], bytes(message.data[3:]))
            elif message.type is aiohttp.WSMsgType.TEXT:
                body = json.loads(message.data)
                await self._text(body["op"], body.get("d"))
        self.close_code = self._socket.close_code

    async def _text(self, op: int, data: Any) -> None:
        if op == 8:
            interval = data["heartbeat_interval"] / 1000
            self._tasks.append(asyncio.create_task(self._heartbeat(interval), name="person heartbeat"))
        elif op == 2:
            await self._discover(data)
        elif op == 4:
            key = bytes(data["secret_key"])
            self._cipher = transport.Cipher(data["mode"], key)
            self._unsealer = transport.Cipher(data["mode"], key)
            await self._json(5, {"speaking": 0, "delay": 0, "ssrc": self.ssrc})
            self._clear = data["dave_protocol_version"] == 0
            if not self._clear:
                await self._send_key_package()
            self._ready.set()
        elif op == 5:
            self._users[data["ssrc"]] = int(data["user_id"])
        elif op == 24 and data["epoch"] == 1:
            self._dave.reinit(data["protocol_version"], self._user_id, self._access.ticket.channel_id)
            await self._send_key_package()
        elif op == 21 and data["transition_id"]:
            self._clear_with = data["transition_id"]
            await self._json(23, {"transition_id": data["transition_id"]})
        elif op == 22:
            self._clear = data["transition_id"] == self._clear_with
            self.keys_changed.set()

    async def _binary(self, op: int, payload: bytes) -> None:
        if op == 25:
            self._dave.set_external_sender(payload)
        elif op == 27:
            result = self._vote(payload)
            if result is not None:
                await self._bytes(28, result.commit + (result.welcome or b""))
        elif op in (29, 30):
            if payload == self._followed:
                return  # the same once more
            transition_id = struct.unpack_from(">H", payload)[0]
            try:
                (self._dave.process_commit if op == 29 else self._dave.process_welcome)(payload[2:])
            except ValueError:
                await self._json(31, {"transition_id": transition_id})
                self._dave.reinit(1, self._user_id, self._access.ticket.channel_id)
                await self._send_key_package()
            else:
                self._proposed.clear()
                self._followed = payload
                await self._json(23, {"transition_id": transition_id})

    def _vote(self, payload: bytes) -> davey.CommitWelcome | None:
        """davey's commit has a Welcome only when an add came last; libdave's, which people have, always."""
        kinds = davey.ProposalsOperationType
        if payload[0] == 0:
            self._proposed.update(mls.proposed(payload))
            return self._dave.process_proposals(kinds.append, payload[1:])
        for reference in mls.revoked(payload):
            self._proposed.pop(reference, None)
        result = self._dave.process_proposals(kinds.revoke, payload[1:])
        adds = [message for message, is_add in self._proposed.values() if is_add]
        if result is not None and not result.welcome and adds:
            return self._dave.process_proposals(kinds.append, mls.vector(adds[0]))
        return result

    async def _send_key_package(self) -> None:
        await self._bytes(26, self._dave.get_serialized_key_package())

    async def _discover(self, data: Json) -> None:
        self.ssrc = data["ssrc"]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=(data["ip"], data["port"]))
        self._udp.sendto(struct.pack(">HHI", 1, 70, self.ssrc).ljust(74, b"\0"))
        address, port = await asyncio.wait_for(self._discovered, 5)
        mode = data["modes"][0]
        choice = {"address": address, "port": port, "mode": mode}
        await self._json(1, {"protocol": "udp", "data": choice})

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(data) == 74 and data[:2] == b"\x00\x02":
            if not self._discovered.done():
                address = data[8:72].split(b"\0")[0].decode()
                self._discovered.set_result((address, struct.unpack_from(">H", data, 72)[0]))
            return
        if self._unsealer is None or not transport.is_rtp(data):
            return
        packet = self._unsealer.decrypt(data)
        user_id = self._users.get(packet.ssrc)
        if user_id is None or not packet.payload:  # padding alone carries no sound
            return
        if not packet.payload.endswith(b"\xfa\xfa"):
            self._listener(user_id, packet.ssrc, packet.timestamp, packet.payload)
            return
        try:
            opus = self._dave.decrypt(user_id, davey.MediaType.audio, packet.payload)
        except ValueError:
            self.undecryptable += 1
            return
        self._listener(user_id, packet.ssrc, packet.timestamp, opus)

    async def _heartbeat(self, interval: float) -> None:
        while True:
            await self._json(3, {"t": int(time.time() * 1000), "seq_ack": 0})
            await asyncio.sleep(interval)

    async def _json(self, op: int, data: Any) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def _bytes(self, op: int, payload: bytes) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionError):
            await self._socket.send_bytes(bytes([op]) + payload)
