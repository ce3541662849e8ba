"""Runs the whole suite, side by side only what does not disturb each other: `python -m tests`, or `make unit`.

First comes what `make quick` runs, and beside it other tests that need a stage or parts of one. Tests of calls mostly
wait: five lanes of them go on at once. What is judged by ear (words, drift, gaps in the middle of a sentence) and the
rooms' own sound come last, with as little beside them as can be. On a machine that is slower than usual fewer lanes run
at once (`tests.capacity`). Plain `pytest` runs everything in one.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import capacity
from tests.quick import COVERAGE, QUICK, SIDE_BY_SIDE, environment


def _calls(*names: str) -> list[str]:
    return [f"tests/calls/test_{name}.py" for name in names]


def _without(*left_out: str) -> list[str]:
    """Files, folders or single tests."""
    return [f"--{'deselect' if '::' in what else 'ignore'}={what}" for what in left_out]


#: Single tests of files whose others can stand company: three wait for words to be understood (two of them with nothing
#: beside them, since they say them once), one counts frames.
SPEAKING = "tests/bot/testing/test_new_plugin.py::test_a_new_plugin_passes_its_own_test_on_the_sandbox"
ECHO = "tests/calls/test_checks.py::test_who_speaks_hears_themselves_and_nothing_is_billed"
LIVE = "tests/calls/test_live.py::test_where_everything_is_as_assumed_all_of_it_holds"
COUNTING = "tests/calls/test_plugins.py::test_a_hundred_reloads_in_a_live_call"
ROOM = ["tests/bot/room/test_connection.py", "tests/bot/room/test_text_streams.py"]
#: How late something is heard, by the tests' own clock.
LATENESS = [
    "tests/calls/test_room_faults.py::test_a_voicebot_that_sends_faster_than_it_speaks_is_not_heard_ever_later",
    "tests/calls/test_room_faults.py::test_five_seconds_at_once_do_not_make_what_follows_late",
]
#: What is judged by ear, in three lanes of about the same length.
WORDS = [*_calls("words"), *ROOM, *LATENESS]
DELAY = _calls("soak", "bad_lines")
SOUND = [*_calls("sound", "membership", "conversation"), COUNTING]
#: Tests of single classes in which people speak in real time: beside `QUICK` there is no time for that.
SPEAKING_CLASSES = ["tests/bot/voice/test_connection.py", "tests/bot/media/test_session.py"]
#: Tests of calls, in lanes of about the same length.
MONEY = _calls("money", "autojoin")
REALITY = _calls("reality", "reconnects")
FAULTS = _calls("accidents", "voice_faults", "panel", "checks", "replay")
FAULTS_LANE = [*FAULTS, *_without(ECHO)]
GUARDS = [*_calls("guards", "room_faults", "languages", "live"), *SPEAKING_CLASSES, SPEAKING]
GUARDS_LANE = [*GUARDS, *_without(*LATENESS, LIVE)]
#: All that is not named, so that no file is ever forgotten; `OTHERS` likewise.
OTHER_CALLS = ["tests/calls", *_without(*MONEY, *REALITY, *FAULTS, *GUARDS, *WORDS, *DELAY, *SOUND, ECHO)]
OTHERS = ["-p", "tests.staged", *_without("tests/calls", *ROOM, SPEAKING, *SPEAKING_CLASSES)]

#: Seconds between two looks whether a run is over.
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Run:
    """One run of pytest, with its report (JUnit's XML) and what it printed in `folder` under its `number`."""

    folder: Path
    number: int
    lane: Sequence[str]
    quick: bool = False

    @property
    def report(self) -> Path:
        return self.folder / f"{self.number}.xml"

    @property
    def output(self) -> Path:
        return self.folder / f"{self.number}.out"

    @property
    def errors(self) -> Path:
        return self.folder / f"{self.number}.err"

    def start(self, *, shown: bool) -> "subprocess.Popen[bytes]":
        """Begin it; it prints as it goes when it is `shown`."""
        runner = "pytest" if self.quick else "tests.lane"
        command = [sys.executable, "-m", runner, f"--junit-xml={self.report}", *self.lane]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            return subprocess.Popen(
                command,
                stdout=None if shown else output,
                stderr=errors,
                env={**environment(), **({QUICK: "1"} if self.quick else {})},
            )

    def failures(self, code: int) -> Iterator[str]:
        """What went wrong, given its exit code (negative for a signal): for each test that failed its name, then the
        first line of why with the place. When none did, the end of what was said instead."""
        cases = ElementTree.parse(self.report).iter("testcase") if self.report.exists() else ()
        failed = [(case, fault) for case in cases for kind in ("failure", "error") for fault in case.findall(kind)]
        for case, fault in failed:
            why, _, _ = fault.get("message", "").partition("\n")
            place = (fault.text or "").strip().rpartition("\n")[2]
            yield f"» Failed: {case.get('classname')}::{case.get('name')}"
            yield f"    {why[:300]} ({place})"
        if code and not failed:
            of_coverage = " (or they cover too little, which is said where it ends)" if self.quick else ""
            yield f"» A run of pytest ended with {code}, though no test of it failed{of_coverage}:"
            yield from (f"    {line[:300]}" for line in self.errors.read_text(errors="replace").splitlines()[-12:])


@dataclass(frozen=True)
class Part:
    """Runs that go on at once; at least so many of them also on a slow machine."""

    runs: Sequence[Run]
    least: int


def main() -> int:
    """0 if every run passed. Each prints as it would alone, one after the other, and what failed is told at the end:
    that is what one sees of a log, and the runs before the last are far above it."""
    print(
        "» Three parts of some minutes each and a short one; what runs beside the first in line is shown at its end.",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="parley-lanes-") as folder:
        quick = Run(Path(folder), 8, ["-q", *SIDE_BY_SIDE, *COVERAGE], quick=True)
        calls = [
            Run(Path(folder), number, lane)
            for number, lane in enumerate((OTHER_CALLS, MONEY, REALITY, FAULTS_LANE, GUARDS_LANE))
        ]
        heard = [Run(Path(folder), number, lane) for number, lane in enumerate((WORDS, DELAY, SOUND), 10)]
        parts = [
            Part([quick, Run(Path(folder), 9, OTHERS)], least=2),
            Part(calls, least=2),
            Part(heard, least=1),
            Part([Run(Path(folder), 13, [ECHO, LIVE])], least=1),
        ]
        wrong: list[str] = []
        for number, part in enumerate(parts, 1):
            began = time.monotonic()
            slow = capacity.slowness()
            most = capacity.lanes(len(part.runs), part.least, slow)
            if most < len(part.runs):
                print(f"» This machine is {slow:.1f} times slower than usual: {most} at once.", flush=True)
            wrong += side_by_side(*part.runs, most=most)
            print(f"» Part {number} of {len(parts)} took {time.monotonic() - began:.0f} s.", flush=True)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def side_by_side(*runs: Run, most: int | None = None) -> list[str]:
    """What failed in runs of pytest at once, or in `most` of them at once. The first prints as it goes, and what the
    others printed follows it."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for run in runs:
            while most is not None and sum(process.poll() is None for process in running) >= most:
                time.sleep(POLL_SECONDS)
            running.append(run.start(shown=run is runs[0]))
        codes = [process.wait() for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
                process.wait()
        for file in [file for run in runs for file in (run.output, run.errors)]:
            sys.stdout.write(file.read_text(errors="replace") if file.exists() else "")
        sys.stdout.flush()
    return [line for run, code in zip(runs, codes, strict=True) for line in run.failures(code)]


if __name__ == "__main__":
    sys.exit(main())
