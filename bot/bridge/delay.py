"""How long one speaker's packets take beyond the fastest, and how deep a buffer nearly all of them need.

Only differences count: the sender's clock and ours share neither origin nor, quite, speed. The idea is that of NetEq,
WebRTC's audio jitter buffer: a histogram of relative delays that forgets, and a quantile of it.
"""

#: Seconds of the fastest packet's memory: it must follow clocks that drift apart (300 ppm is 1 ms in 3 s), and a route
#: that became longer.
BASE_WINDOW = 2.0
BIN = 0.005  # seconds
BINS = 64
QUANTILE = 0.97
#: What a packet's weight in the histogram is multiplied with by each later one: about ten seconds of speech.
FORGET = 0.998
#: Seconds added to the quantile: frames are played at ticks, half a frame from where they should be at most.
MARGIN = 0.01
#: Packets in a row that no depth would have saved: the route has become longer, and is not just slow for a moment.
LONGER = 10
#: Seconds from one packet to the next that no line takes: the sender's media time jumped.
JUMP = 1.0


class DelayEstimator:
    """Told of every packet's arrival; `depth` is in seconds beyond the fastest packet, from `least` to `most`."""

    def __init__(self, least: float, most: float) -> None:
        self.depth = least
        self.jitter = 0.0  # seconds, the mean deviation of RFC 3550 section 6.4.1
        self._least = least
        self._most = max(least, most)
        self._weights = [0.0] * BINS
        self._weight = 1.0  # of the next packet; grows, which is the same as all others shrinking
        self._total = 0.0
        self._windows: tuple[float, float] | None = None  # the fastest of the last window and of this one
        self._window_ends = 0.0
        self._last_transit: float | None = None
        self._beyond: list[float] = []  # the transits of packets in a row that came too late for any depth

    @property
    def base(self) -> float | None:
        """Arrival less media time of the fastest packet of late, in seconds; None before the first packet."""
        return None if self._windows is None else min(self._windows)

    def jumps(self, position: float, now: float) -> bool:
        """Whether a packet's media time is so far from the last one's that what is known of its origin is void."""
        return self._last_transit is not None and abs(now - position - self._last_transit) > JUMP

    def update(self, position: float, now: float) -> None:
        """A packet of media time `position` arrived at `now`, both in seconds on monotonic clocks."""
        transit = now - position
        if self.jumps(position, now):
            self._windows = self._last_transit = None
        if self._last_transit is not None:
            self.jitter += (abs(transit - self._last_transit) - self.jitter) / 16
        self._last_transit = transit
        self._follow(transit, now)
        assert self._windows is not None
        self._notice_longer(transit, now)
        self._count(transit - min(self._windows))

    def _follow(self, transit: float, now: float) -> None:
        if self._windows is None or now > self._window_ends + BASE_WINDOW:
            self._start_over(transit, now)
        elif now > self._window_ends:
            self._windows = self._windows[1], transit
            self._window_ends = now + BASE_WINDOW
        else:
            self._windows = self._windows[0], min(self._windows[1], transit)

    def _notice_longer(self, transit: float, now: float) -> None:
        """What nearly all packets take is the usual time, also when it was another a moment ago."""
        assert self._windows is not None
        if transit - min(self._windows) <= self._most:
            self._beyond.clear()
            return
        self._beyond.append(transit)
        if len(self._beyond) >= LONGER:
            self._start_over(min(self._beyond), now)
            self._beyond.clear()

    def _start_over(self, fastest: float, now: float) -> None:
        self._windows = fastest, fastest
        self._window_ends = now + BASE_WINDOW

    def _count(self, delay: float) -> None:
        """What no depth within the bounds would have saved says nothing about which depth is right."""
        if delay > self._most:
            return
        self._weights[min(int(delay / BIN), BINS - 1)] += self._weight
        self._total += self._weight
        self._weight /= FORGET
        if self._weight > 1e6:
            self._weights = [weight / self._weight for weight in self._weights]
            self._total /= self._weight
            self._weight = 1.0
        self.depth = min(max(self._quantile() + MARGIN, self._least), self._most)

    def _quantile(self) -> float:
        """The upper edge of the bin below which the quantile lies; bins are few and the first ones hold nearly all."""
        beyond = self._total
        for number, weight in enumerate(self._weights):
            beyond -= weight
            if beyond <= self._total * (1 - QUANTILE):
                return number * BIN if number == 0 else (number + 1) * BIN
        return BINS * BIN
