"""Runs the whole suite in two lanes at once: `python -m tests`, or `make unit`.

The tests of money and of faults mostly wait (for watchdogs, restarts, limits, repairs), the others mostly compute; side
by side they take as long as the slower lane. Plain `pytest` runs everything in one.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PATIENT = tuple(
    f"tests/calls/test_{name}.py" for name in ("money", "accidents", "guards", "voice_faults", "chaos", "soak")
)


def main() -> int:
    """The worst exit code of both lanes; each prints as it would alone, one after the other."""
    rest = [f"--ignore={file}" for file in PATIENT]
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        output = Path(folder) / "patient.log"
        with output.open("wb") as log:
            patient = subprocess.Popen([sys.executable, "-m", "pytest", *PATIENT], stdout=log, stderr=log)
            try:
                code = subprocess.call([sys.executable, "-m", "pytest", *rest])
                waited = patient.wait()
            finally:
                if patient.poll() is None:
                    patient.terminate()
                    patient.wait()
        sys.stdout.write(output.read_text())
    return max(code, waited)


if __name__ == "__main__":
    sys.exit(main())
