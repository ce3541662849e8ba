"""`parley record`: a call as people read it, what was otherwise than the code assumes, and whether it happens again."""

from pathlib import Path

import pytest

from bot.cli import record
from bot.cli.main import main
from bot.errors import ParleyError
from tests.bot.recorder.calls import GOOD_CALL, gateway, write


def test_show_tells_the_call_and_judges_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL, gateway(8.0, 42), header={"provider": "valsea"})
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


def test_a_providers_own_assumptions_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    valsea = write(tmp_path / "valsea.jsonl", *GOOD_CALL, header={"provider": "valsea"})
    other = write(tmp_path / "other.jsonl", *GOOD_CALL, header={"provider": "somebody"})
    assert main(["record", "show", str(valsea)]) == 0
    assert "Valsea says when" in capsys.readouterr().out.replace("in ISO 8601 when", "when")
    assert main(["record", "show", str(other)]) == 0
    printed = capsys.readouterr().out
    assert "Valsea" not in printed
    assert "provider is not known here" in printed


def test_the_live_checks_assumptions_are_judged_where_it_was_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "show", str(write(tmp_path / "call.jsonl", *GOOD_CALL))]) == 0
    assert "first syllable" not in capsys.readouterr().out
    checked = write(tmp_path / "check.jsonl", *GOOD_CALL, header={"live_check": True})
    assert main(["record", "show", str(checked)]) == 0
    assert "? No first syllable of people is lost: not seen" in capsys.readouterr().out


def test_a_config_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL)
    assert main(["record", "show", str(file), "--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def _played(monkeypatch: pytest.MonkeyPatch, again: Path | Exception) -> None:
    def play(file: Path, folder: Path) -> Path:
        if isinstance(again, Exception):
            raise again
        return again

    monkeypatch.setattr(record, "_played", play)


def test_a_replay_with_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL)
    _played(monkeypatch, write(tmp_path / "again.jsonl", *GOOD_CALL))
    assert main(["record", "replay", str(file)]) == 0
    assert "\nThe same end as in call.jsonl" in capsys.readouterr().out


def test_a_replay_with_another_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL)
    _played(monkeypatch, write(tmp_path / "again.jsonl", *GOOD_CALL, gateway(8.0, 9)))
    assert main(["record", "replay", str(file)]) == 4
    printed = capsys.readouterr().out
    assert printed.startswith("! resumes: 0, and 1 in the replay\n")
    assert "\nAnother end as in call.jsonl" in printed


def test_a_replay_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL)
    _played(monkeypatch, ParleyError("it could not be played"))
    assert main(["record", "replay", str(file)]) == 1
    assert main(["record", "replay", str(tmp_path / "none.jsonl")]) == 1
    assert "could not be played" in capsys.readouterr().err


def test_without_the_stand_ins_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record, "find_spec", lambda name: None)
    assert main(["record", "replay", str(write(tmp_path / "call.jsonl", *GOOD_CALL))]) == 1
    assert "pip install 'parley[sandbox]'" in capsys.readouterr().err


def test_a_record_from_a_stranger_neither_ends_the_command_nor_moves_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = [
        {"t": 1.0, "kind": "gateway", "op": [1], "direction": "in", "d": "\x1b]0;evil\x07"},
        {"t": 1.0, "kind": "packet", "ssrc": ["x"], "direction": {}},
        {"t": 1.0, "kind": "keys", "recoveries": "x"},
        {"t": 1.0, "kind": "provider", "request": "POST /session", "seconds": "long", "status": 201},
        {"t": 1.0, "kind": "event", "event": "QuestionCarried"},
    ]
    file = write(tmp_path / "call.jsonl", *strange, header={"provider": "valsea", "live_check": True})
    for more in ([], ["--all"]):
        assert main(["record", "show", str(file), *more]) == 0
        printed = capsys.readouterr().out
        assert "\x1b" not in printed
        assert "is not as Parley writes it" in printed
