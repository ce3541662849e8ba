"""What is reported is kept with its time, storms are bounded, and nothing is kept after the end."""

import struct
from types import SimpleNamespace
from typing import Any

import pytest

from bot.recorder import recorder
from bot.recorder.events import GatewayClosed, Happened, PacketSample
from bot.recorder.recorder import BURST, FIRST_PACKETS, MAX_SSRCS, NOT_RECORDED, PER_SECOND, FlightRecorder


class Desk:
    """A flight recorder, its clock, and what it has kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        self.kept: list[tuple[float, Any]] = []
        self.ends: list[tuple[float, int]] = []
        monkeypatch.setattr(recorder, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.full = False
        self.recorder = FlightRecorder(self._write, lambda *end: self.ends.append(end))

    def _write(self, at: float, event: Any) -> bool:
        if not self.full:
            self.kept.append((at, event))
        return not self.full

    def samples(self) -> list[int]:
        """How many were skipped before each packet that was kept."""
        return [event.skipped for _, event in self.kept if isinstance(event, PacketSample)]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def packet(ssrc: int, sequence: int = 0) -> bytes:
    return struct.pack(">BBHII", 0x80, 0x78, sequence, 0, ssrc) + b"payload"


def test_what_is_not_taken_is_counted(desk: Desk) -> None:
    desk.recorder.note("one")
    desk.full = True
    desk.recorder.note("two")
    desk.recorder.close()
    assert [event for _, event in desk.kept] == ["one"]
    assert desk.ends == [(0.0, 1)]


def test_times_count_from_the_begin(desk: Desk) -> None:
    desk.now += 1.5
    desk.recorder.note(GatewayClosed(4006))
    desk.recorder.happened("something")
    assert desk.kept == [(1.5, GatewayClosed(4006)), (1.5, Happened("something"))]


def test_of_packets_the_first_ones_are_kept_and_then_one_a_second(desk: Desk) -> None:
    for number in range(200):  # four seconds
        desk.recorder.datagram("in", packet(7, number))
        desk.now += 0.02
    assert desk.samples()[:FIRST_PACKETS] == [0] * FIRST_PACKETS
    assert 3 <= len(desk.samples()) - FIRST_PACKETS <= 4
    assert set(desk.samples()[FIRST_PACKETS:]) <= {48, 49, 50}


def test_only_the_head_of_a_packet_is_kept(desk: Desk) -> None:
    desk.recorder.datagram("in", packet(7))
    assert desk.kept == [(0.0, PacketSample("in", packet(7)[:12], 19, 0))]


def test_each_ssrc_and_direction_is_sampled_for_itself(desk: Desk) -> None:
    for ssrc in (1, 2):
        for direction in ("in", "out"):
            desk.recorder.datagram(direction, packet(ssrc))
    assert len(desk.samples()) == 4


def test_a_storm_of_ssrcs_is_bounded(desk: Desk) -> None:
    for ssrc in range(10_000):
        desk.recorder.datagram("in", packet(ssrc))
    assert len(desk.samples()) == MAX_SSRCS


@pytest.mark.parametrize("datagram", [b"", b"\x01", b"\x00" * 8])
def test_what_is_no_rtp_is_sampled_too(desk: Desk, datagram: bytes) -> None:
    desk.recorder.datagram("in", datagram)
    assert desk.kept == [(0.0, PacketSample("in", datagram, len(datagram), 0))]


def test_a_storm_of_events_is_counted(desk: Desk) -> None:
    for _ in range(BURST + 500):
        desk.recorder.note(GatewayClosed(None))
    assert len(desk.kept) == BURST
    desk.now += 1
    for _ in range(500):
        desk.recorder.note(GatewayClosed(None))
    assert len(desk.kept) == BURST + PER_SECOND
    desk.recorder.close()
    assert desk.ends == [(1.0, 500 + 500 - PER_SECOND)]


def test_nothing_is_kept_after_the_end(desk: Desk) -> None:
    desk.recorder.close()
    desk.recorder.close()
    desk.recorder.note(GatewayClosed(None))
    desk.recorder.datagram("in", packet(7))
    assert desk.kept == []
    assert desk.ends == [(0.0, 0)]


def test_what_is_not_recorded_reports_to_nobody() -> None:
    assert not NOT_RECORDED.active
    NOT_RECORDED.note(GatewayClosed(None))
    NOT_RECORDED.happened("something")
    NOT_RECORDED.datagram("in", packet(7))
    NOT_RECORDED.close()
