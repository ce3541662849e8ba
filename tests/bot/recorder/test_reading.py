"""A flight record is read as it was written, and anything else is named with its file and line."""

from pathlib import Path

import pytest

from bot.errors import FlightRecordError
from bot.recorder.events import GatewayClosed, StateChanged
from bot.recorder.folder import RecordFolder
from bot.recorder.reading import MAX_FILE, read
from tests.bot.recorder.calls import GOOD_CALL, record, write


def test_what_the_recorder_writes_can_be_read(tmp_path: Path) -> None:
    folder = RecordFolder(tmp_path)
    recorder = folder.begin("c1", {"parley": "0.1.0"})
    recorder.note(StateChanged("LIVE", None))
    recorder.note(GatewayClosed(4014))
    recorder.close()
    folder.close()
    (file,) = tmp_path.iterdir()
    found = read(file)
    assert found.header["parley"] == "0.1.0"
    assert [entry["kind"] for entry in found.entries] == ["state", "gateway closed", "end of record"]
    assert found.whole


def test_entries_of_a_kind_are_found_in_their_order(tmp_path: Path) -> None:
    found = record(tmp_path, *GOOD_CALL)
    assert [entry["state"] for entry in found.of("state")] == ["LIVE", "ENDING", "ENDED"]
    assert found.whole


@pytest.mark.parametrize("end", [{"cut": 7}, {"dropped": 1}])
def test_a_record_with_something_left_out_is_not_whole(tmp_path: Path, end: dict[str, int]) -> None:
    assert not read(write(tmp_path / "call.jsonl", *GOOD_CALL, end=end)).whole


def test_the_last_line_of_a_process_that_died_is_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "call.jsonl", *GOOD_CALL)
    file.write_bytes(file.read_bytes()[:-10])
    found = read(file)
    assert len(found.entries) == len(GOOD_CALL)
    assert not found.whole


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", ":1:", "not a flight record"),
        ("hello", ":1:", "no complete line"),
        ("hello\n", ":1:", "damaged"),
        ('{"kind": "state"}\n', ":1:", "not a flight record"),
        ('{"t": 0, "kind": "record", "format": 99}\n', ":1:", "another format"),
        ('{"t": 0, "kind": "record"}\n', ":1:", "another format"),
        ('{"kind": "record", "format": 1}\n[]\n', ":2:", "damaged"),
        ('{"kind": "record", "format": 1}\n{"kind": 7}\n', ":2:", "damaged"),
        ('{"kind": "record", "format": 1}\n{"kind": "state", "t": "x"}\n', ":2:", "damaged"),
        ('{"kind": "record", "format": 1}\n' + "[" * 50_000 + "\n", ":2:", "damaged"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, place: str, why: str) -> None:
    file = tmp_path / "call.jsonl"
    file.write_text(text)
    with pytest.raises(FlightRecordError, match=why) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}{place}")


def test_a_file_that_is_not_there_or_far_too_long(tmp_path: Path) -> None:
    with pytest.raises(FlightRecordError, match=r"nothing\.jsonl cannot be read: No such file"):
        read(tmp_path / "nothing.jsonl")
    (tmp_path / "long.jsonl").write_bytes(b" " * (MAX_FILE + 1))
    with pytest.raises(FlightRecordError, match="more than"):
        read(tmp_path / "long.jsonl")
