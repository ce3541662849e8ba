"""Packets are found again by their timestamps, and nothing else counts as one."""

import struct

import pytest

from bot.live.packet_times import FIRST, MAX_PACKETS, PacketTimes, Transit, transit


def packet(timestamp: int, payload: int = 0x78, version: int = 2) -> bytes:
    return struct.pack(">BBHII", version << 6, payload, 7, timestamp, 99) + b"sealed"


def test_the_time_on_the_way() -> None:
    sender, receiver = PacketTimes(), PacketTimes()
    for number in range(100):
        sender.note("out", packet(number * 960), 10 + number * 0.02)
        receiver.note("in", packet(number * 960), 10 + number * 0.02 + (0.2 if number >= 90 else 0.03))
    found = transit(sender, receiver, 0)
    assert (found.packets, found.arrived, found.first, found.missing) == (100, 100, FIRST, 0)
    assert found.usual == pytest.approx(0.03)
    assert found.slow == pytest.approx(0.2)


def test_what_is_lost_at_the_begin_is_told_apart_from_other_losses() -> None:
    sender, receiver = PacketTimes(), PacketTimes()
    for number in range(50):
        sender.note("out", packet(number * 960), number * 0.02)
        if number not in (0, 1, 2, 40):
            receiver.note("in", packet(number * 960), number * 0.02)
    found = transit(sender, receiver, 0)
    assert (found.packets, found.arrived, found.first, found.missing) == (50, 46, FIRST - 3, 3)


def test_only_what_was_sent_from_a_time_on_counts() -> None:
    sender, receiver = PacketTimes(), PacketTimes()
    for number in range(10):
        sender.note("out", packet(number * 960), float(number))
    assert transit(sender, receiver, 6.0).packets == 4


def test_nothing_is_no_failure() -> None:
    assert transit(PacketTimes(), PacketTimes(), 0) == Transit(0, 0, 0, 0, 0.0, 0.0)


def test_a_copy_that_comes_later_changes_nothing() -> None:
    times = PacketTimes()
    times.note("in", packet(960), 1.0)
    times.note("in", packet(960), 5.0)
    assert times.received == {960: 1.0}


@pytest.mark.parametrize("datagram", [b"", b"short", packet(1, payload=0x60), packet(1, version=1)])
def test_what_is_no_packet_of_sound_is_passed_over(datagram: bytes) -> None:
    times = PacketTimes()
    times.note("in", datagram, 1.0)
    times.note("out", datagram, 1.0)
    assert (times.received, times.sent) == ({}, {})


def test_a_flood_is_bounded() -> None:
    times = PacketTimes()
    for number in range(MAX_PACKETS + 100):
        times.note("in", packet(number), 1.0)
    assert len(times.received) == MAX_PACKETS
