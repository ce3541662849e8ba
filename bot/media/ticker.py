"""One 20 ms beat for all calls, on absolute deadlines.

After a stall the missed ticks are skipped, never made up for in a burst: frames that come late in a bunch stay as delay
for the rest of the call.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

INTERVAL = 0.02  # seconds
LATE_AFTER = 0.005  # seconds behind its time at which a tick counts as late
MAX_REMEMBERED = 3000  # ticks: a minute

Tick = Callable[[int, float], None]  # (tick number, the loop's time)


class Ticker:
    """Calls every subscriber once per tick. It sleeps while there is none."""

    def __init__(self) -> None:
        self.skipped = 0  # ticks lost to stalls
        self.late = 0
        self._lateness: deque[float] = deque(maxlen=MAX_REMEMBERED)  # seconds
        self._subscribers: list[Tick] = []
        self._failing: list[Tick] = []
        self._handle: asyncio.TimerHandle | None = None
        self._origin = 0.0
        self._tick = 0

    def lateness(self, share: float = 0.99) -> float:
        """Return the seconds within which a share of the last minute's ticks came; 0 when there were none."""
        found = sorted(self._lateness)
        return found[min(int(len(found) * share), len(found) - 1)] if found else 0.0

    def add(self, subscriber: Tick) -> None:
        """Call a subscriber at every tick from now on."""
        self._subscribers.append(subscriber)
        if self._handle is None:
            loop = asyncio.get_running_loop()
            if self._origin == 0.0:
                self._origin = loop.time()
            self._tick = int((loop.time() - self._origin) / INTERVAL)
            self._schedule()

    def remove(self, subscriber: Tick) -> None:
        """Call a subscriber no more, if it was called."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
        if subscriber in self._failing:
            self._failing.remove(subscriber)
        if not self._subscribers and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = loop.call_at(self._origin + (self._tick + 1) * INTERVAL, self._run)

    def _run(self) -> None:
        now = asyncio.get_running_loop().time()
        due = int((now - self._origin) / INTERVAL + 1e-6)
        self.skipped += max(0, due - self._tick - 1)
        lateness = now - (self._origin + (self._tick + 1) * INTERVAL)
        self.late += lateness > LATE_AFTER
        self._lateness.append(lateness)
        self._tick = max(due, self._tick + 1)
        for subscriber in list(self._subscribers):
            try:
                subscriber(self._tick, now)
            except Exception:
                if subscriber not in self._failing:  # once, not fifty times a second
                    self._failing.append(subscriber)
                    log.exception("a call's tick failed")
        if self._subscribers:
            self._schedule()
        else:
            self._handle = None
