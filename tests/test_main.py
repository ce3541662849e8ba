"""What a run of the whole suite says at its end, and that nothing that went wrong passes for a success."""

from pathlib import Path

import pytest

from tests.__main__ import Run, side_by_side

#: Plugins that pytest would load each time.
UNNEEDED = ("-p", "no:parley", "-p", "no:simcord", "-p", "no:hypothesispytest")
PASSES = "def test_passes(): pass"
FAILS = "def test_fails():\n    assert 1 == 2, 'one is not two'"
DIES = "import os, signal\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)"
SAYS_WHAT_IS_NO_TEXT = "import atexit, os\natexit.register(os.write, 2, bytes([255]))\ndef test_passes(): pass"
FAILS_AT_ITS_END = """
import os

def end():
    os.write(2, b"too late")
    os._exit(3)

def test_passes(request): request.config.add_cleanup(end)
"""
ABORTS_AT_ITS_END = "import atexit, os\ndef test_passes(): atexit.register(os.abort)"


def runs_of(folder: Path, *tests: str) -> list[Run]:
    runs = []
    for number, code in enumerate(tests):
        file = folder / f"test_{number}.py"
        file.write_text(code)
        runs.append(Run(folder, number, [str(file), f"--rootdir={folder}", "-p", "no:cacheprovider", *UNNEEDED]))
    return runs


def run(folder: Path, *tests: str) -> list[str]:
    return side_by_side(*runs_of(folder, *tests))


def test_nothing_is_said_of_what_passes(tmp_path: Path) -> None:
    assert run(tmp_path, PASSES) == []


def test_what_would_abort_the_process_while_it_is_taken_apart_does_not(tmp_path: Path) -> None:
    """LiveKit's threads do, now and then, after every test has passed."""
    assert run(tmp_path, ABORTS_AT_ITS_END) == []


def test_a_failure_beside_a_success_is_named_with_its_reason_and_place(tmp_path: Path) -> None:
    name, why = run(tmp_path, SAYS_WHAT_IS_NO_TEXT, FAILS)
    assert name == "» Failed: test_1::test_fails"
    assert "one is not two" in why
    assert "test_1.py:2: AssertionError" in why


@pytest.mark.parametrize(
    ("code", "last", "end"),
    [(-9, "", DIES), (3, "    too late", FAILS_AT_ITS_END)],
    ids=["killed", "at its end"],
)
def test_a_run_that_goes_wrong_beside_its_tests_is_no_success(tmp_path: Path, code: int, last: str, end: str) -> None:
    """Killed, or what warnings about things left open become after the last test."""
    first, *said = run(tmp_path, end, SAYS_WHAT_IS_NO_TEXT)
    assert first == f"» A run of pytest ended with {code}, though no test of it failed:"
    assert not last or said[-1] == last


NOTES_WHEN = """
import os, pathlib, time

def test_takes_its_time():
    folder = pathlib.Path(__file__).parent
    (folder / f"{os.getpid()}.begins").touch()
    time.sleep(0.3)
    beside = len(list(folder.glob("*.begins"))) - len(list(folder.glob("*.ends")))
    (folder / f"{os.getpid()}.ends").write_text(str(beside))
"""


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_run_at_once_than_may(tmp_path: Path, most: int) -> None:
    assert side_by_side(*runs_of(tmp_path, NOTES_WHEN, NOTES_WHEN, NOTES_WHEN), most=most) == []
    beside = [int(file.read_text()) for file in tmp_path.glob("*.ends")]
    assert len(beside) == 3
    assert max(beside) <= most
