"""Runs the whole suite, two lanes at once, then what needs the whole machine: `python -m tests`, or `make unit`.

The tests of money and of faults mostly wait (for watchdogs, restarts, limits, repairs), the others mostly compute; side
by side they take as long as the slower lane. Recognised words and drift are measured in real time on two cores: they
come afterwards, when nothing else is running. Plain `pytest` runs everything in one.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PATIENT = tuple(f"tests/calls/test_{name}.py" for name in ("money", "accidents", "guards", "voice_faults", "chaos"))
MEASURED = tuple(f"tests/calls/test_{name}.py" for name in ("words", "soak"))


def main() -> int:
    """The worst exit code; each run prints as it would alone, one after the other."""
    rest = [f"--ignore={file}" for file in (*PATIENT, *MEASURED)]
    return max(side_by_side(PATIENT, rest), side_by_side(MEASURED[1:], MEASURED[:1]))


def side_by_side(behind: Sequence[str], before: Sequence[str]) -> int:
    """Two runs of pytest at once, by their arguments; the second one prints as it goes."""
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        output = Path(folder) / "behind.log"
        with output.open("wb") as log:
            other = subprocess.Popen([sys.executable, "-m", "pytest", *behind], stdout=log, stderr=log)
            try:
                code = subprocess.call([sys.executable, "-m", "pytest", *before])
                waited = other.wait()
            finally:
                if other.poll() is None:
                    other.terminate()
                    other.wait()
        sys.stdout.write(output.read_text())
    return max(code, waited)


if __name__ == "__main__":
    sys.exit(main())
