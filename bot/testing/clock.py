"""Time as a plugin on a played server knows it: it passes by itself, and at once when a test says so."""

import asyncio
import math
from collections.abc import Awaitable, Callable

#: Turns of the event loop in which whoever woke up does what it woke for, before the next one wakes.
TURNS = 20
#: Times in a row that somebody may wake without time having passed.
MAX_IDLE_WAKES = 1000


class Clock:
    """The clock of one server: real time, and what was skipped."""

    def __init__(self) -> None:
        self._skipped = 0.0  # seconds
        self._sleeping: dict[asyncio.Future[None], tuple[float, asyncio.TimerHandle]] = {}  # when each is due

    def now(self) -> float:
        """Return the seconds from some point on."""
        return asyncio.get_running_loop().time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        """Sleep as `asyncio.sleep` does, by this clock."""
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._set(waking, self.now() + seconds)
        try:
            await waking
        finally:
            self._sleeping.pop(waking)[1].cancel()

    async def advance(
        self,
        seconds: float,
        settled: Callable[[], Awaitable[None]],
        passed: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """Let time pass: all who sleep wake when they are due, one after the other, and may sleep again.

        `settled` returns when what they have set off is done; `passed` is told of all that passes, before they wake.
        """
        end, idle = self.now() + seconds, 0
        while (due := min((at for at, _ in self._sleeping.values()), default=math.inf)) <= end:
            idle = 0 if due > self.now() else idle + 1
            if idle > MAX_IDLE_WAKES:
                raise AssertionError("something sleeps for 0 seconds in a loop, so that nothing else could run")
            self._skip(due, passed)
            for waking, (at, _) in list(self._sleeping.items()):
                if at <= due:
                    _wake(waking)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            await settled()
        self._skip(end, passed)
        for waking, (at, timer) in list(self._sleeping.items()):
            timer.cancel()
            self._set(waking, at)

    def _skip(self, to: float, passed: Callable[[float], None]) -> None:
        seconds = max(0.0, to - self.now())
        self._skipped += seconds
        passed(seconds)

    def _set(self, waking: "asyncio.Future[None]", due: float) -> None:
        timer = asyncio.get_running_loop().call_later(max(0.0, due - self.now()), _wake, waking)
        self._sleeping[waking] = due, timer


def _wake(waking: "asyncio.Future[None]") -> None:
    if not waking.done():
        waking.set_result(None)
