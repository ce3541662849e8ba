"""`parley record show`: a call as people read it, and what was otherwise than the code assumes."""

from pathlib import Path

import pytest

from bot.cli.main import main
from tests.bot.recorder.calls import GOOD_CALL, gateway, write


def test_show_tells_the_call_and_judges_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL, gateway(8.0, 42))
    assert main(["record", "show", str(file)]) == 0
    shown, judged = capsys.readouterr().out.split("\n\n")
    assert shown.startswith("call.jsonl: ")
    assert "8 Hello" in shown
    assert "Heartbeat" not in shown
    lines = judged.splitlines()
    assert "+ Discord accepts the first voice session: Session Description came 0.3 s after the begin" in lines
    at = lines.index("! All opcodes are known: opcodes 42")
    assert lines[at + 1].startswith("    Parley passes over them")


def test_show_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "show", "--all", str(write(tmp_path / "call.jsonl", *GOOD_CALL))]) == 0
    assert "Heartbeat" in capsys.readouterr().out


def test_what_was_not_seen_is_not_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "show", str(write(tmp_path / "call.jsonl"))]) == 0
    assert "? All packets are Opus: not seen" in capsys.readouterr().out


def test_a_record_that_is_not_whole_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "show", str(write(tmp_path / "call.jsonl", *GOOD_CALL, end={"cut": 3}))]) == 0
    assert "The record is not whole" in capsys.readouterr().out


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello\n")
    assert main(["record", "show", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{file}:1:" in printed.err
