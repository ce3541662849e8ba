"""IP discovery over a lossy wire, keepalives, and datagrams in and out."""

import asyncio
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.errors import VoiceError
from bot.voice import udp
from bot.voice.udp import VoiceSocket
from tests.support import eventually

RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


class Server(asyncio.DatagramProtocol):
    """Answers discovery, but not the first `deaf` times."""

    def __init__(self, deaf: int = 0) -> None:
        self.deaf = deaf
        self.received: list[bytes] = []
        self.transport: Any = None
        self.client: Any = None
        self.port = 50_001  # where it sees us

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append(data)
        self.client = addr
        if data[:2] == b"\x00\x01":
            self.deaf -= 1
            if self.deaf < 0:
                answer = (
                    b"\x00\x02\x00\x46" + data[4:8] + b"203.0.113.9".ljust(64, b"\0") + struct.pack(">H", self.port)
                )
                self.transport.sendto(answer, addr)


async def _pair(server: Server, sink: list[bytes], readdressed: Callable[[], None] = lambda: None) -> VoiceSocket:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")
    return await VoiceSocket.open(host, port, sink.append, readdressed)


async def test_discovery_and_sound() -> None:
    server, heard = Server(), list[bytes]()
    socket = await _pair(server, heard)
    assert await socket.discover(42) == ("203.0.113.9", 50_001)
    assert len(server.received[0]) == 74
    assert struct.unpack(">HHI", server.received[0][:8]) == (1, 70, 42)
    server.transport.sendto(b"sound", server.client)
    socket.send(b"our sound")
    await eventually(lambda: heard == [b"sound"] and server.received[-1] == b"our sound")
    socket.close()
    socket.send(b"after the end")  # goes nowhere, and is no error
    server.transport.close()


@pytest.mark.skipif(
    not RMEM_MAX.exists() or int(RMEM_MAX.read_text()) < udp.RECEIVE_BUFFER, reason="this system allows no more"
)
async def test_what_comes_while_the_process_stands_still_is_heard_afterwards() -> None:
    """A second of twenty-five people, before the loop runs again."""
    server, heard = Server(), list[bytes]()
    socket = await _pair(server, heard)
    await socket.discover(42)
    said = [number.to_bytes(2) + bytes(150) for number in range(1250)]
    for packet in said:
        server.transport.sendto(packet, server.client)
    await eventually(lambda: len(heard) == len(said))
    assert heard == said
    socket.close()
    server.transport.close()


async def test_a_lost_request_is_sent_again() -> None:
    server = Server(deaf=2)
    socket = await _pair(server, [])
    assert (await socket.discover(42, wait=0.05))[1] == 50_001
    assert len(server.received) >= 3
    socket.close()
    server.transport.close()


async def test_no_answer_at_all_is_said_in_words() -> None:
    server = Server(deaf=1000)
    socket = await _pair(server, [])
    with pytest.raises(VoiceError) as caught:
        await socket.discover(42, attempts=3, wait=0.02)
    assert "firewall" in caught.value.for_user
    socket.close()
    server.transport.close()


async def test_keepalives_hold_the_way_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "KEEPALIVE_INTERVAL", 0.02)
    server = Server()
    socket = await _pair(server, [])
    await eventually(lambda: len(server.received) >= 3)
    socket.close()
    await asyncio.sleep(0.06)  # for what was sent before
    sent = [struct.unpack("<Q", data)[0] for data in server.received]
    assert sent[:3] == [1, 2, 3]
    await asyncio.sleep(0.06)
    assert len(server.received) == len(sent)
    server.transport.close()


@pytest.mark.skipif(sys.platform != "linux", reason="others have one loopback address")
async def test_another_way_to_the_server_is_noticed() -> None:
    """As when the machine goes over to another network."""
    loop = asyncio.get_running_loop()
    server = Server()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    remote = transport.get_extra_info("sockname")
    usual = await VoiceSocket.open(remote[0], remote[1], lambda _: None)
    assert not usual.path_changed()
    elsewhere = VoiceSocket(lambda _: None, lambda: None)
    assert not elsewhere.path_changed()
    await loop.create_datagram_endpoint(lambda: elsewhere, local_addr=("127.0.0.2", 0), remote_addr=remote)
    assert elsewhere.path_changed()
    for socket in (usual, elsewhere):
        socket.close()
    transport.close()


async def test_another_address_at_the_server_is_noticed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that was restarted, or has forgotten us, gives another one: nothing that is sent to the old arrives."""
    monkeypatch.setattr(udp, "KEEPALIVE_INTERVAL", 0.02)
    server, noticed = Server(), list[str]()
    socket = await _pair(server, [], lambda: noticed.append("another"))
    await socket.discover(42)
    await eventually(lambda: len(server.received) > 8)
    assert noticed == []
    server.port = 50_002
    await eventually(lambda: bool(noticed))
    await asyncio.sleep(0.1)
    assert noticed == ["another"]
    socket.close()
    server.transport.close()


async def test_a_server_that_answers_no_more_discovery_is_no_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "KEEPALIVE_INTERVAL", 0.01)
    server, noticed = Server(), list[str]()
    socket = await _pair(server, [], lambda: noticed.append("another"))
    await socket.discover(42)
    server.deaf = 1_000_000
    await asyncio.sleep(0.1)
    assert noticed == []
    socket.close()
    server.transport.close()
