"""What a run of the whole suite says at its end, and that nothing that went wrong passes for a success."""

from pathlib import Path

from tests.__main__ import failures, side_by_side

PASSES = "def test_passes(): pass"
FAILS = "def test_fails():\n    assert 1 == 2, 'one is not two'"
DIES = "import os, signal\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)"


def run(folder: Path, *tests: str) -> list[str]:
    lanes = []
    for number, code in enumerate(tests):
        file = folder / f"test_{number}.py"
        file.write_text(code)
        lanes.append([str(file), f"--rootdir={folder}", "-p", "no:cacheprovider"])
    codes = side_by_side(folder / "lanes", *lanes)
    assert any(codes) == (tests != (PASSES,))
    return list(failures(codes, (folder / "lanes").glob("*.xml")))


def test_nothing_is_said_of_what_passes(tmp_path: Path) -> None:
    assert run(tmp_path, PASSES) == []


def test_a_failure_beside_a_success_is_named_with_its_reason_and_place(tmp_path: Path) -> None:
    name, why = run(tmp_path, PASSES, FAILS)
    assert name == "» Failed: test_1::test_fails"
    assert "one is not two" in why
    assert "test_1.py:2: AssertionError" in why


def test_a_run_that_a_signal_ended_is_no_success(tmp_path: Path) -> None:
    assert run(tmp_path, DIES, PASSES) == ["» A run of pytest ended with -9."]
