"""A person's network: loses, delays, reorders and duplicates datagrams, by a seed. Pure."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    """Shares are probabilities per datagram, times are seconds."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0  # added delay, evenly spread from 0 to this
    reorder: float = 0.0  # share that is held back by one and a half frames
    duplicate: float = 0.0
    burst: float = 0.0  # seconds that each loss lasts
    held_until: float = 0.0  # nothing arrives before this time, on the clock of `now`: then everything does
    seed: int = 1
    _random: random.Random = field(init=False)
    _lost_until: float = field(init=False, default=-1.0)
    _held: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def clean(self) -> bool:
        return not (self.loss or self.delay or self.jitter or self.reorder or self.duplicate or self.held_until)

    def departures(self, now: float) -> list[float]:
        """After how many seconds each copy of a datagram sent now arrives; empty when it is lost."""
        if now < self._lost_until:
            return []
        if self._random.random() < self.loss:
            self._lost_until = now + self.burst
            return []
        delay = self.delay + self._random.random() * self.jitter
        if now < self.held_until:
            self._held += 1
            delay += self.held_until - now + self._held * 1e-5  # in the order in which they were sent
        if self._random.random() < self.reorder:
            delay += 0.03
        copies = 2 if self._random.random() < self.duplicate else 1
        return [delay + 0.004 * copy for copy in range(copies)]
