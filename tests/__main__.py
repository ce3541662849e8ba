"""Runs the whole suite, side by side only what does not disturb each other: `python -m tests`, or `make unit`.

The tests of money and of faults mostly wait (for watchdogs, restarts, limits, repairs), those of single classes
compute: they run together. Calls happen in real time on two cores, and have them to themselves; what is judged by ear
over minutes (words, drift) comes last. Plain `pytest` runs everything in one.
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
    print("» Three parts of several minutes each; the first is silent while its slower half goes on.", flush=True)
    calls = ["tests/calls", *(f"--ignore={file}" for file in (*PATIENT, *MEASURED))]
    classes = ["--ignore=tests/calls"]
    return max(side_by_side(classes, PATIENT), side_by_side(calls), side_by_side(MEASURED[1:], MEASURED[:1]))


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
