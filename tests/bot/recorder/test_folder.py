"""Flight records on disk: one file for each call, whatever the disk and the calls do."""

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.recorder import folder as module
from bot.recorder import recorder as recorder_module
from bot.recorder.events import GatewayClosed, GatewayMessage, StateChanged
from bot.recorder.folder import MAX_DAYS, RecordFolder


@pytest.fixture
def records(tmp_path: Path) -> Iterator[RecordFolder]:
    folder = RecordFolder(tmp_path / "records")
    yield folder
    folder.close()


def lines(records: RecordFolder, tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """What was written, by the call's id."""
    records.close()
    files = (tmp_path / "records").glob("*.jsonl")
    return {file.stem.split("-")[2]: [json.loads(line) for line in file.read_text().splitlines()] for file in files}


def test_a_call_is_a_file(records: RecordFolder, tmp_path: Path) -> None:
    recorder = records.begin("c1", {"parley": "1.0"})
    recorder.note(StateChanged("LIVE", None))
    recorder.close()
    found = lines(records, tmp_path)["c1"]
    assert found[0] == {"t": 0.0, "kind": "record", "format": 1, "parley": "1.0"}
    assert (found[1]["kind"], found[1]["state"]) == ("state", "LIVE")
    assert 0 <= found[1]["t"] < 60
    assert found[2:] == [{"t": found[2]["t"], "kind": "end of record"}]


def test_calls_beside_each_other_have_pseudonyms_of_their_own(records: RecordFolder, tmp_path: Path) -> None:
    first, second = records.begin("c1", {}), records.begin("c2", {})
    first.note(GatewayMessage("in", 5, {"user_id": "1"}))
    first.note(GatewayMessage("in", 5, {"user_id": "2"}))
    second.note(GatewayMessage("in", 5, {"user_id": "2"}))
    found = lines(records, tmp_path)
    assert [line["d"]["user_id"] for line in found["c1"][1:3]] == ["user-1", "user-2"]
    assert [line["d"]["user_id"] for line in found["c2"][1:2]] == ["user-1"]


def test_nobody_else_on_the_machine_reads_them(records: RecordFolder, tmp_path: Path) -> None:
    records.begin("c1", {}).close()
    lines(records, tmp_path)
    assert stat.S_IMODE((tmp_path / "records").stat().st_mode) & 0o077 == 0


def test_a_call_that_never_ended_has_its_lines(records: RecordFolder, tmp_path: Path) -> None:
    records.begin("c1", {}).note(GatewayClosed(4014))
    assert [line["kind"] for line in lines(records, tmp_path)["c1"]] == ["record", "gateway closed", "end of record"]


def test_a_long_call_is_cut_at_a_line(records: RecordFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2000)
    recorder = records.begin("c1", {})
    for _ in range(100):
        recorder.note(GatewayClosed(4006))
    recorder.close()
    found = lines(records, tmp_path)["c1"]
    size = sum(file.stat().st_size for file in (tmp_path / "records").iterdir())
    assert size < 2100
    assert found[-1]["cut"] == 100 - (len(found) - 2)


def test_what_was_dropped_is_told(records: RecordFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "BURST", 0)
    monkeypatch.setattr(recorder_module, "PER_SECOND", 0)
    recorder = records.begin("c1", {})
    for _ in range(7):
        recorder.note(GatewayClosed(None))
    recorder.close()
    found = lines(records, tmp_path)["c1"]
    assert [line["kind"] for line in found] == ["record", "end of record"]
    assert found[-1]["dropped"] == 7


def test_old_files_go_and_others_stay(records: RecordFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 4)
    folder = tmp_path / "records"
    folder.mkdir()
    for number in range(6):
        (folder / f"20260101-00000{number}-x.jsonl").write_text("{}\n")
    old = folder / "20260101-000005-x.jsonl"
    os.utime(old, (0, time.time() - (MAX_DAYS + 1) * 86_400))
    (folder / "notes.txt").write_text("mine")
    (folder / "mine.jsonl").write_text("{}\n")
    os.utime(folder / "mine.jsonl", (0, 0))
    records.begin("c1", {}).close()
    records.close()
    names = sorted(file.name for file in folder.iterdir())
    assert any(name.endswith("-c1.jsonl") for name in names)
    assert {"notes.txt", "mine.jsonl"} <= set(names)
    assert old.name not in names
    assert [name for name in names if name.endswith("-x.jsonl")] == [
        "20260101-000003-x.jsonl",
        "20260101-000004-x.jsonl",
    ]


def test_a_folder_that_cannot_be_made_costs_the_record_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "records").write_text("a file")
    records = RecordFolder(tmp_path / "records")
    recorder = records.begin("c1", {})
    recorder.note(GatewayClosed(4006))
    recorder.close()
    records.close()
    assert "the flight record" in caplog.text
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1  # it is said once


def test_a_disk_that_stands_still_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.01)
    monkeypatch.setattr(RecordFolder, "_work", lambda self: None)  # nobody writes
    records = RecordFolder(tmp_path)
    recorder = records.begin("c1", {})
    for _ in range(1000):
        recorder.note(GatewayClosed(4006))
    recorder.close()
    records.close()


def test_an_event_that_cannot_be_written_costs_itself_alone(
    records: RecordFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = records.begin("c1", {})
    recorder.note(GatewayMessage("in", object(), {}))  # type: ignore[arg-type]
    recorder.note(GatewayClosed(4006))
    recorder.close()
    assert [line["kind"] for line in lines(records, tmp_path)["c1"]] == ["record", "gateway closed", "end of record"]
