"""The address of the last room: without what lets somebody in, and whatever the disk says."""

from pathlib import Path

from bot.call.last_room import recall, remember


def test_scheme_and_host_are_kept_and_nothing_else(tmp_path: Path) -> None:
    ledger = tmp_path / "parley.sqlite3"
    assert recall(ledger) is None
    remember(ledger, "wss://museum.livekit.cloud:7880/rtc?access_token=secret")
    assert recall(ledger) == "wss://museum.livekit.cloud:7880"
    assert "secret" not in (tmp_path / "parley.livekit").read_text()


def test_a_disk_that_takes_nothing_costs_no_call(tmp_path: Path) -> None:
    ledger = tmp_path / "no folder" / "parley.sqlite3"
    remember(ledger, "wss://museum.livekit.cloud")
    assert recall(ledger) is None


def test_a_file_with_something_else_in_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "parley.livekit").write_bytes(b"\xff\xfe\x00")
    assert recall(tmp_path / "parley.sqlite3") is None
