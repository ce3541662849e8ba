"""The ports that livekit-server is started with: free, and not taken by the next connection from this machine."""

import random
import socket
from pathlib import Path

import pytest

from sandbox.livekit.server import PORTS, free_port

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_outgoing_connection_takes_a_free_port() -> None:
    if OUTGOING.exists():
        first, _ = map(int, OUTGOING.read_text().split())
        assert PORTS.stop <= first
    assert free_port() in PORTS


def test_a_port_that_is_used_on_any_address_or_by_udp_alone_is_not_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = [free_port() for _ in range(3)]
    with (
        socket.create_server(("127.0.0.1", taken[0])),
        socket.create_server(("", taken[1])),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", taken[2]))
        offered = iter([*taken, free_port()])
        monkeypatch.setattr(random, "choice", lambda _: next(offered))
        assert free_port() not in taken
