"""How many lanes of tests this machine can run at once, by how fast it is just now.

People speak in real time in most of them, and bots are started. Where that costs a core twice as much as usual, which
is how a shared machine slows down, as many lanes as ever miss their beat and their time limits, and say nothing about
the code.
"""

import os
import statistics
import subprocess
import sys

#: What is started to see, and the seconds of a core that it takes where the lanes were chosen. It reads files, maps
#: memory and runs Python, as the start of a bot does.
START = "import asyncio, decimal, email, http.client, json, ssl"
USUAL_SECONDS = 0.09
#: Up to this much slower than usual, all lanes run at once. A machine beyond it is not steady: within minutes it is as
#: slow as `UNSTEADY`, and five lanes starve each other there.
TOLERABLE, UNSTEADY = 1.2, 1.6
STARTS = 12


def slowness() -> float:
    """Return how many times slower than usual a core is in a bad quarter of its time. What else runs on it hardly
    counts, so that this can be asked while tests run."""
    return statistics.quantiles([_start() for _ in range(STARTS)], n=4)[-1] / USUAL_SECONDS


def _start() -> float:
    """Return the seconds of a core, user and system, that a process takes."""
    process = subprocess.Popen([sys.executable, "-I", "-c", START])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def lanes(most: int, least: int, slow: float) -> int:
    """Return how many of `most` lanes may run at once on a machine that is so many times slower than usual."""
    return most if slow <= TOLERABLE else min(most, max(least, int(most / max(slow, UNSTEADY))))
