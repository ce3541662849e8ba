"""The UDP socket of one voice session: IP discovery, keepalive, datagrams in and out.

Source: https://discord.com/developers/docs/topics/voice-connections#ip-discovery
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from bot.errors import VoiceBlocked
from bot.language import say
from bot.recorder.recorder import NOT_RECORDED, Recorder

_DISCOVERY_SIZE = 74
_REQUEST, _RESPONSE, _LENGTH = 1, 2, 70
#: Seconds between keepalives: NAT tables forget an idle UDP flow after 30 s or more (RFC 4787 REQ-5 asks for 120), and
#: a bot whose address has changed receives nothing until it notices.
KEEPALIVE_INTERVAL = 5.0
#: Bytes, if the system allows as many (Linux: net.core.rmem_max): a second of 25 people, of whom the usual 208 KiB hold
#: a fifth of that, so that what is said while the process stands still is heard afterwards.
RECEIVE_BUFFER = 2 * 1024 * 1024


class VoiceSocket(asyncio.DatagramProtocol):
    """A connected UDP socket to the voice server."""

    def __init__(
        self,
        on_datagram: Callable[[bytes], None],
        on_readdressed: Callable[[], None],
        recorder: Recorder = NOT_RECORDED,
    ) -> None:
        self._on_datagram = on_datagram
        self._on_readdressed = on_readdressed
        self._recorder = recorder
        self._ssrc = 0
        self._address: tuple[str, int] | None = None  # ours, as the server saw it at first
        self._transport: asyncio.DatagramTransport | None = None
        self._discovered: asyncio.Future[tuple[str, int]] | None = None
        self._keepalive: asyncio.TimerHandle | None = None
        self._keepalives = 0

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        on_datagram: Callable[[bytes], None],
        on_readdressed: Callable[[], None] = lambda: None,
        recorder: Recorder = NOT_RECORDED,
    ) -> "VoiceSocket":
        """Open a socket connected to the server; OSError when the address cannot be reached. `on_readdressed` is
        called, once, when the server sees us at another address than the one that it was told."""
        loop = asyncio.get_running_loop()
        protocol = cls(on_datagram, on_readdressed, recorder)
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, remote_addr=(host, port))
        with contextlib.suppress(OSError):  # some systems refuse what is too much for them, and keep what they had
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return protocol

    async def discover(self, ssrc: int, *, attempts: int = 5, wait: float = 0.5) -> tuple[str, int]:
        """Ask for our address as the server sees it; VoiceBlocked when no answer comes (UDP is not reliable: ask
        again)."""
        loop = asyncio.get_running_loop()
        self._ssrc = ssrc
        self._discovered = loop.create_future()
        for _ in range(attempts):
            self.send(self._request())
            try:
                self._address = await asyncio.wait_for(asyncio.shield(self._discovered), wait)
                return self._address
            except TimeoutError:
                continue
        raise VoiceBlocked(
            "no answer to IP discovery",
            for_user=say("Discord's voice server does not answer over UDP. A firewall may block outgoing UDP."),
        )

    def _request(self) -> bytes:
        return struct.pack(">HHI", _REQUEST, _LENGTH, self._ssrc).ljust(_DISCOVERY_SIZE, b"\0")

    def send(self, datagram: bytes) -> None:
        """Send one datagram, unless the socket is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._recorder.datagram("out", datagram)
            self._transport.sendto(datagram)

    def path_changed(self) -> bool:
        """Return whether the system would send from another address by now. The server knows the old one, and we hear
        nothing that it sends there."""
        if self._transport is None:
            return False
        remote, local = (self._transport.get_extra_info(name) for name in ("peername", "sockname"))
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connecting it sends nothing
            try:
                probe.connect(remote)
            except OSError:  # no way there at all just now, which is no other way
                return False
            return bool(probe.getsockname()[0] != local[0])

    def close(self) -> None:
        """Close the socket and stop its keepalive."""
        if self._keepalive is not None:
            self._keepalive.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: Any) -> None:
        """Take in that the socket is open (asyncio.DatagramProtocol)."""
        self._transport = transport
        self._schedule_keepalive()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take in one datagram (asyncio.DatagramProtocol)."""
        self._recorder.datagram("in", data)
        if _is_discovery(data) and self._discovered is not None:
            address = data[8:72].split(b"\0", 1)[0].decode("ascii", "replace"), struct.unpack_from(">H", data, 72)[0]
            if not self._discovered.done():
                self._discovered.set_result(address)
            elif self._address not in (None, address):
                self._address = None  # it is said once
                self._on_readdressed()
            return
        self._on_datagram(data)

    def error_received(self, exc: Exception) -> None:
        """Ignore ICMP errors, which say nothing the voice gateway will not say more clearly."""

    def _schedule_keepalive(self) -> None:
        loop = asyncio.get_running_loop()
        self._keepalive = loop.call_later(KEEPALIVE_INTERVAL, self._send_keepalive)

    def _send_keepalive(self) -> None:
        self._keepalives += 1
        self.send(struct.pack("<Q", self._keepalives))
        if self._address is not None:  # the answer says whether the server would still send to us
            self.send(self._request())
        self._schedule_keepalive()


def _is_discovery(data: bytes) -> bool:
    return len(data) == _DISCOVERY_SIZE and data[:2] == b"\x00\x02"
