"""How many lanes of tests this machine can run at once, by how fast it is just now.

People speak in real time in most of them. Where a core has half its speed, which is how a shared machine slows down, as
many lanes as ever miss their beat and their time limits, and say nothing about the code.
"""

import statistics
import time

#: A calculation, and the seconds that it takes a core of the machine for which the lanes were chosen.
ROUNDS, USUAL_SECONDS = 400_000, 0.032
#: Up to this much slower than usual, all lanes run at once.
TOLERABLE = 1.5
PROBES, PAUSE = 7, 0.05  # seconds


def slowness() -> float:
    """Return how many times slower than usual a core is; what else runs on it does not count, so that this can be asked
    while tests run."""
    return statistics.median(_probe() for _ in range(PROBES)) / USUAL_SECONDS


def _probe() -> float:
    time.sleep(PAUSE)
    began, total = time.thread_time(), 0
    for number in range(ROUNDS):
        total += number * number
    return time.thread_time() - began


def lanes(most: int, least: int, slow: float) -> int:
    """Return how many of `most` lanes may run at once on a machine that is so many times slower than usual."""
    return most if slow <= TOLERABLE else min(most, max(least, int(most / slow)))
