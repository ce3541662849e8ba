"""Puts one speaker's packets back in order and hands out one per 20 ms, or says that one is missing.

Order is by RTP timestamp, which alone tells a lost packet from a pause. A talk spurt starts when its first packet has
been held for the depth that the line needs; from then on every `pop` moves the playout point by one frame, unless there
is nothing to play: then it waits, because a packet that is late is better than one that is thrown away. What that adds
to the delay, and what two clocks drift apart, is told by `surplus`, for the caller to make up for.
"""

from dataclasses import dataclass
from enum import Enum, auto

from . import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from .delay import DelayEstimator

#: Packets kept at most: half a second more than any sane depth.
MAX_HELD = 64
#: Frames concealed in a row before the spurt counts as over.
MAX_CONCEALED = 5
#: Packets in a row with a media time far from the last one's after which the sender's clock counts as another: if it
#: is ahead, and if it is behind, as it also is for packets that were held up on their way.
JUMPED_AHEAD, JUMPED_BACK = 2, 5


class Gap(Enum):
    """Why there is no packet to play."""

    LOST = auto()  # conceal it: later packets are here, or the next one is late
    IDLE = auto()  # nobody is speaking


@dataclass(slots=True)
class JitterStats:
    """What has become of a stream's packets, in packets."""

    played: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    dropped: int = 0  # held too long because more came than was played


class JitterBuffer:
    """One speaker's packets. Its depth adapts from `least` to `most` seconds of delay."""

    def __init__(self, least: float = 0.04, most: float | None = None) -> None:
        self.stats = JitterStats()
        self.delay = DelayEstimator(least, least if most is None else most)
        self._held: dict[int, bytes] = {}  # unwrapped timestamp -> payload
        self._next: int | None = None  # timestamp to play next; None before a spurt starts
        self._starts_at = 0.0
        self._playing = False
        self._missed = 0  # frames concealed in a row
        self._waited = 0  # of these, the ones that did not move the playout point
        self._strange = 0  # packets in a row whose media time was not to be believed
        self._last_raw: int | None = None
        self._last_unwrapped = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def idle(self) -> bool:
        """Whether nothing is held and nothing is due."""
        return self._next is None

    @property
    def position(self) -> int | None:
        """The playout point: the timestamp that is due, in samples; None when nobody is heard."""
        return self._next if self._playing else None

    def push(self, timestamp: int, payload: bytes, now: float) -> None:
        """A packet arrived at `now` (seconds, any monotonic clock); `timestamp` is RTP's 32 bits."""
        position = self._unwrap(timestamp)
        if position in self._held:
            self.stats.duplicate += 1
            return
        if self.delay.jumps(position / SAMPLE_RATE, now):
            self._strange += 1
            is_behind = self._next is not None and position < self._next
            if not self.idle and self._strange < (JUMPED_BACK if is_behind else JUMPED_AHEAD):
                self.stats.late += is_behind  # a few of them are no reason to drop what is good
                self.stats.dropped += not is_behind
                return
            self.stats.dropped += len(self._held)
            self._held.clear()
            self._reset()
        self._strange = 0
        self.delay.update(position / SAMPLE_RATE, now)
        if self._next is None:
            self._start(position, now + FRAME_SECONDS)
        elif position < self._next:
            if self._playing:
                self.stats.late += 1
                return
            self._next = position  # reordered before the spurt began to play
        self._held[position] = payload
        while len(self._held) > MAX_HELD:
            self._skip_oldest()

    def pop(self, now: float) -> bytes | Gap:
        """The payload due at this tick, or why there is none."""
        # The tick nearest to the depth, not the first one behind it: that would be half a frame of delay for nothing.
        nearly = self._starts_at - FRAME_SECONDS / 2 - 1e-6
        if self._next is None or (not self._playing and now < nearly):
            return Gap.IDLE
        self._playing = True
        if self._next not in self._held:
            self._drop_what_is_past()
            self._skip_what_was_waited_for()
            self._snap()
        payload = self._held.pop(self._next, None)
        if payload is not None:
            self._next += FRAME_SAMPLES
            self._missed = self._waited = 0
            self.stats.played += 1
            return payload
        self._missed += 1
        if self._missed > MAX_CONCEALED:
            return self._pause_in_spurt(now)
        if self._held:
            self._next += FRAME_SAMPLES
            self.stats.lost += 1
        else:
            self._waited += 1
        return Gap.LOST

    def next_payload(self) -> bytes | None:
        """The packet after the one just reported lost, when it is here: its FEC may hold the lost one."""
        return None if self._next is None else self._held.get(self._next)

    def consumed(self, samples: int) -> None:
        """How long the packet just played was, when it was not one frame: 40 or 60 ms are as good."""
        if self._next is not None:
            self._next += samples - FRAME_SAMPLES

    def surplus(self, now: float, ahead: int = 0) -> float:
        """Seconds by which the playout point lies behind where it should: above zero, play faster; below, slower.

        `ahead` is how many samples are taken out and not yet played.
        """
        base = self.delay.base
        if self._next is None or base is None or not self._playing:
            return 0.0
        return now - base - (self._next - ahead) / SAMPLE_RATE - self.delay.depth

    def end_spurt(self) -> None:
        """The speaker said that it stopped (an Opus silence frame): an empty buffer is no loss from here on."""
        if not self._held:
            self._reset()

    def _start(self, position: int, earliest: float) -> None:
        """The first packet may be a late one itself: the depth counts from when the fastest would have come."""
        base = self.delay.base
        assert base is not None
        self._next = position
        self._starts_at = max(base + position / SAMPLE_RATE + self.delay.depth, earliest)
        self._playing = False
        self._missed = self._waited = 0

    def _reset(self) -> None:
        self._next = None
        self._playing = False
        self._missed = self._waited = 0

    def _drop_what_is_past(self) -> None:
        """Not every sender keeps to a grid of 20 ms, so that a packet may lie just before the playout point."""
        assert self._next is not None
        for position in [position for position in self._held if position < self._next]:
            del self._held[position]
            self.stats.late += 1

    def _snap(self) -> None:
        """What begins less than a frame behind the playout point is next."""
        assert self._next is not None
        if self._held and (nearest := min(self._held)) < self._next + FRAME_SAMPLES:
            self._next = nearest

    def _skip_what_was_waited_for(self) -> None:
        """The packet that was waited for is lost after all: a later one came. What was concealed stands for it."""
        assert self._next is not None
        while self._waited and self._held and min(self._held) >= self._next + FRAME_SAMPLES:
            self._waited -= 1
            self._next += FRAME_SAMPLES
            self.stats.lost += 1

    def _pause_in_spurt(self, now: float) -> Gap:
        """Too long without a packet: over, unless later ones are held, from which the next spurt starts."""
        if self._held:
            self._start(min(self._held), now)
        else:
            self._reset()
        return Gap.IDLE

    def _skip_oldest(self) -> None:
        oldest = min(self._held)
        del self._held[oldest]
        self.stats.dropped += 1
        if self._next is not None:
            self._next = max(self._next, oldest + FRAME_SAMPLES)

    def _unwrap(self, timestamp: int) -> int:
        """The 32-bit timestamp on an endless line, across wraps and random new starts."""
        if self._last_raw is None:
            self._last_unwrapped = timestamp
        else:
            step = ((timestamp - self._last_raw + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
            self._last_unwrapped += step
        self._last_raw = timestamp
        return self._last_unwrapped
