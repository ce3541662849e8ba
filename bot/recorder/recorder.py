"""What the parts of a call report to, from any thread: nobody, or a flight record."""

import struct
import time
from collections.abc import Callable
from typing import Any

from .events import Direction, Happened, PacketSample

#: Events of a call that are kept: some at once, and so many a second after that. Storms are counted.
BURST, PER_SECOND = 2000, 100
#: Datagrams of an SSRC that are kept at its begin, seconds between two after that, and SSRCs that are sampled.
FIRST_PACKETS, PACKET_INTERVAL, MAX_SSRCS = 5, 1.0, 64
#: Bytes of a datagram that are looked at: the fixed header (RFC 3550 section 5.1).
HEAD = 12


class Recorder:
    """Reports to nobody; what a call has that is not recorded."""

    #: Whether anything is kept, for reports that take some work.
    active = False

    def note(self, event: Any) -> None:
        """Keep something that happened: one of `bot.recorder.events`."""

    def happened(self, event: Any) -> None:
        """Keep one of the call's own events."""

    def datagram(self, direction: Direction, datagram: bytes) -> None:
        """Keep a sample of the datagrams."""

    def close(self) -> None:
        """End the flight record; what is reported after that is not kept."""


NOT_RECORDED = Recorder()


class FlightRecorder(Recorder):
    """Reports to `write`, with the seconds since the begin. It may be called from two threads; it is `write` that must
    bring them together."""

    active = True

    def __init__(self, write: Callable[[float, Any], bool], close: Callable[[float, int], None]) -> None:
        """`write` returns whether an event was taken; `close` is told the same seconds, and how many were too many."""
        self._write = write
        self._close = close
        self._began = self._refilled = time.monotonic()
        self._left = float(BURST)
        self._dropped = 0
        self._closed = False
        self._samples: dict[tuple[Direction, int], _Sampling] = {}

    def note(self, event: Any) -> None:
        """Keep something that happened: one of `bot.recorder.events`."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._refilled) * PER_SECOND)
        self._refilled = now
        if self._closed or self._left < 1:
            self._dropped += 1
            return
        self._left -= 1
        if not self._write(now - self._began, event):
            self._dropped += 1

    def happened(self, event: Any) -> None:
        """Keep one of the call's own events."""
        self.note(Happened(event))

    def datagram(self, direction: Direction, datagram: bytes) -> None:
        """Keep a sample of the datagrams: the first ones of each SSRC, then one a second."""
        ssrc = struct.unpack_from(">I", datagram, 8)[0] if len(datagram) >= HEAD else 0
        sampling = self._samples.get((direction, ssrc))
        if sampling is None:
            if len(self._samples) >= MAX_SSRCS:
                return
            sampling = self._samples[direction, ssrc] = _Sampling()
        skipped = sampling.take(time.monotonic())
        if skipped is not None:
            self.note(PacketSample(direction, datagram[:HEAD], len(datagram), skipped))

    def close(self) -> None:
        """End the flight record; what is reported after that is not kept."""
        if not self._closed:
            self._closed = True
            self._close(time.monotonic() - self._began, self._dropped)


class _Sampling:
    """Which datagrams of one SSRC are kept."""

    __slots__ = ("_first", "_last", "_skipped")

    def __init__(self) -> None:
        self._first = FIRST_PACKETS
        self._last = 0.0
        self._skipped = 0

    def take(self, now: float) -> int | None:
        """Return how many were skipped since the last one that was kept, when this one is; else None."""
        if self._first > 0:
            self._first -= 1
        elif now - self._last < PACKET_INTERVAL:
            self._skipped += 1
            return None
        self._last = now
        skipped, self._skipped = self._skipped, 0
        return skipped
