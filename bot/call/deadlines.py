"""Named deadlines with warnings before them. Pure: times come in as arguments, in seconds of one monotonic clock."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(slots=True)
class _Deadline(Generic[V]):
    """What is still to come of one deadline, soonest first."""

    steps: list[tuple[float, V]] = field(default_factory=list)


class Deadlines(Generic[V]):
    """Deadlines by name, of which each runs at most once. What falls due is returned once."""

    def __init__(self) -> None:
        self._running: dict[str, _Deadline[V]] = {}

    def start(self, name: str, now: float, *steps: tuple[float, V]) -> None:
        """Begin to count, from zero when it ran already. A step is (seconds from now, what falls due then)."""
        self._running[name] = _Deadline(sorted(((now + after, due) for after, due in steps), key=lambda step: step[0]))

    def start_once(self, name: str, now: float, *steps: tuple[float, V]) -> None:
        """Begin to count, unless it runs already."""
        if name not in self._running:
            self.start(name, now, *steps)

    def runs(self, name: str) -> bool:
        """Return whether a deadline of this name runs."""
        return name in self._running

    def stop(self, name: str) -> None:
        """Forget a deadline, if it runs."""
        self._running.pop(name, None)

    def due(self, now: float) -> list[V]:
        """Return what has fallen due since the last time, in order of time."""
        found: list[tuple[float, V]] = []
        for name, deadline in list(self._running.items()):
            while deadline.steps and deadline.steps[0][0] <= now:
                found.append(deadline.steps.pop(0))
            if not deadline.steps:
                del self._running[name]
        return [due for _, due in sorted(found, key=lambda step: step[0])]

    def next(self) -> float | None:
        """Return when the next thing falls due."""
        return min((deadline.steps[0][0] for deadline in self._running.values() if deadline.steps), default=None)
