"""Runs the whole suite, side by side only what does not disturb each other: `python -m tests`, or `make unit`.

Tests of calls mostly wait: three of them go on at once, and those of single classes, which compute, take what is left
of the machine. What is judged by ear (words, drift, gaps in the middle of a sentence) and the rooms' own sound come
after that, with as little beside them as can be. Plain `pytest` runs everything in one.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest


def _calls(*names: str) -> list[str]:
    return [f"tests/calls/test_{name}.py" for name in names]


def _without(*left_out: str) -> list[str]:
    """Files, folders or single tests."""
    return [f"--{'deselect' if '::' in what else 'ignore'}={what}" for what in left_out]


#: Single tests of files whose others can stand company: one waits for words to be understood, one counts frames.
SPEAKING = "tests/bot/testing/test_new_plugin.py::test_a_new_plugin_passes_its_own_test"
COUNTING = "tests/calls/test_plugins.py::test_a_hundred_reloads_in_a_live_call"
WORDS = [*_calls("words", "conversation", "languages"), SPEAKING]
ROOM = ["tests/bot/room"]
SOUND = [*_calls("soak", "membership", "sound", "bad_lines"), COUNTING, *ROOM]
MONEY = _calls("money", "guards", "settings", "config")
FAULTS = _calls("accidents", "voice_faults", "endings", "room_faults")
#: All that is not named, so that no file is ever forgotten.
OTHER_CALLS = ["tests/calls", *_without(*WORDS, *SOUND, *MONEY, *FAULTS)]
CLASSES = _without("tests/calls", *ROOM, SPEAKING)


def main() -> int:
    """0 if every run passed. Each prints as it would alone, one after the other, and what failed is told at the end."""
    print("» Two parts of several minutes each; what runs beside the first in line is shown when it ends.", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        codes = side_by_side(first, OTHER_CALLS, MONEY, FAULTS, beneath=CLASSES) + side_by_side(second, WORDS, SOUND)
        for line in failures(codes, [*first.glob("*.xml"), *second.glob("*.xml")]):
            print(line)
    return 1 if any(codes) else 0


def side_by_side(folder: Path, *lanes: Sequence[str], beneath: Sequence[str] = ()) -> list[int]:
    """Exit codes of runs of pytest at once, by their arguments; a run that a signal ended has a negative one. The first
    one prints as it goes; `beneath` gets what the others leave of the cores. Each run's report (JUnit's XML) and what
    the others printed are left in `folder`, which is made."""
    folder.mkdir()
    others = [(lane, 0) for lane in lanes[1:]] + ([(beneath, 10)] if beneath else [])
    logs = [folder / f"{number}.log" for number in range(1, len(others) + 1)]
    running: list[subprocess.Popen[bytes]] = []
    try:
        running += [_start(lane, log, nice) for (lane, nice), log in zip(others, logs, strict=True)]
        codes = [subprocess.call(_command(lanes[0], folder / "0.xml"))]
        return codes + [other.wait() for other in running]
    finally:
        for other in running:
            if other.poll() is None:
                other.terminate()
                other.wait()
        for file in logs:
            sys.stdout.write(file.read_text() if file.exists() else "")


def failures(codes: Iterable[int], reports: Iterable[Path]) -> Iterator[str]:
    """A line for each run that did not come to its end, then two for each test that failed: its name, and the first
    line of why with the place. One sees the end of a log, and the runs before the last are far above it."""
    for code in codes:
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            yield f"» A run of pytest ended with {code}."
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            for fault in [*case.findall("failure"), *case.findall("error")]:
                why, _, _ = fault.get("message", "").partition("\n")
                place = (fault.text or "").strip().rpartition("\n")[2]
                yield f"» Failed: {case.get('classname')}::{case.get('name')}"
                yield f"    {why[:300]} ({place})"


def _start(lane: Sequence[str], log: Path, nice: int) -> "subprocess.Popen[bytes]":
    command = _command(lane, log.with_suffix(".xml"))
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=lambda: os.nice(nice) and None)


def _command(lane: Sequence[str], report: Path) -> list[str]:
    return [sys.executable, "-m", "pytest", f"--junit-xml={report}", *lane]


if __name__ == "__main__":
    sys.exit(main())
