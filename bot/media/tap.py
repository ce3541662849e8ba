"""A read-only copy of a call's sound for a plugin: a bounded queue of its own, which can never hold up the call.

The media loop puts frames in, the main loop takes them out; when the reader is slow the oldest frames go.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.bridge import Frame

#: Frames of 20 ms kept for a slow reader.
CAPACITY = 100


@dataclass(frozen=True, slots=True)
class SoundFrame:
    """20 ms of sound at one tick: 960 samples of int16, 48 kHz, mono; None for who was silent. The arrays are
    read-only.

    `at` is `time.monotonic()`.
    """

    at: float
    people: "Frame | None"
    voicebot: "Frame | None"


class AudioTap:
    """A copy of a call's sound for one reader: `async for frame in tap` until the call is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int = CAPACITY) -> None:
        """`loop` is the event loop in which the tap is read."""
        self._loop = loop
        self._frames: deque[SoundFrame] = deque(maxlen=capacity)
        self._ready = asyncio.Event()
        self._woken = False
        #: Whether nobody reads it any more, or nothing more comes.
        self.closed = False
        #: Frames that the reader was too slow for.
        self.dropped = 0

    def put(self, at: float, people: "Frame | None", voicebot: "Frame | None") -> None:
        """Add a frame; called in the media loop, and never waits. Nothing is kept of a tick at which everybody was
        silent."""
        if (people is None and voicebot is None) or self.closed:
            return
        self.dropped += len(self._frames) == self._frames.maxlen
        self._frames.append(SoundFrame(at, _copy(people), _copy(voicebot)))
        self._wake()

    def close(self) -> None:
        """End the copy, since the call is over; what is in the queue can still be read. May be called from any
        thread."""
        self.closed = True
        self._wake()

    async def __aiter__(self) -> AsyncIterator[SoundFrame]:
        """Iterate over the frames, once. A reader that stops reading gets no more frames, and none are kept for it."""
        try:
            while True:
                self._woken = False
                self._ready.clear()
                while self._frames:
                    yield self._frames.popleft()
                if self.closed:
                    return
                if not self._woken:
                    await self._ready.wait()
        finally:
            self.closed = True
            self._frames.clear()

    def _wake(self) -> None:
        """One wake-up for many frames: a call per frame across threads would cost more than the frames."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._ready.set)


class Taps:
    """All copies of one call's sound."""

    def __init__(self) -> None:
        self._taps: list[AudioTap] = []
        self._closed = False

    def add(self, tap: AudioTap) -> None:
        """Fill a copy from now on; one that comes after the end is closed at once."""
        if self._closed:
            tap.close()
        else:
            self._taps.append(tap)

    def put(self, at: float, people: "Frame | None", voicebot: "Frame | None") -> None:
        """Add a frame to all of them; those that nobody reads any more are forgotten."""
        for tap in self._taps:
            tap.put(at, people, voicebot)
        if self._taps and any(tap.closed for tap in self._taps):
            self._taps = [tap for tap in self._taps if not tap.closed]

    def close(self) -> None:
        """End all of them, and those that are still to come."""
        self._closed = True
        for tap in self._taps:
            tap.close()


def _copy(frame: "Frame | None") -> "Frame | None":
    if frame is None:
        return None
    copy = frame.copy()
    copy.setflags(write=False)
    return copy
