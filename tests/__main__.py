"""Runs the whole suite, two lanes at once, then what needs the whole machine: `python -m tests`, or `make unit`.

The tests of money and of faults mostly wait (for watchdogs, restarts, limits, repairs), the others mostly compute; side
by side they take as long as the slower lane. What is judged by ear (words, interruptions, drift) happens in real time
on two cores: it comes afterwards, when little else is running. Plain `pytest` runs everything in one.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def _calls(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/calls/test_{name}.py" for name in names)


PATIENT = _calls("money", "accidents", "guards", "voice_faults", "chaos")
MEASURED = _calls("soak", "words", "conversation", "membership", "sound")


def main() -> int:
    """The worst exit code; each run prints as it would alone, one after the other."""
    rest = [f"--ignore={file}" for file in (*PATIENT, *MEASURED)]
    return max(side_by_side(rest, PATIENT), side_by_side(MEASURED[1:], MEASURED[:1]))


def side_by_side(*lanes: Sequence[str]) -> int:
    """Runs of pytest at once, by their arguments; the first one prints as it goes."""
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        others: list[subprocess.Popen[bytes]] = []
        logs = [Path(folder) / f"{number}.log" for number in range(1, len(lanes))]
        try:
            for lane, file in zip(lanes[1:], logs, strict=True):
                with file.open("wb") as log:
                    others.append(subprocess.Popen([sys.executable, "-m", "pytest", *lane], stdout=log, stderr=log))
            codes = [subprocess.call([sys.executable, "-m", "pytest", *lanes[0]])]
            codes += [other.wait() for other in others]
        finally:
            for other in others:
                if other.poll() is None:
                    other.terminate()
                    other.wait()
            for file in logs:
                sys.stdout.write(file.read_text() if file.exists() else "")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
