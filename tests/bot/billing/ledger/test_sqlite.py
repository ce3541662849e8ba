"""What is written is on disk, changes apply once, and a file that cannot be used is refused with its reason."""

import sqlite3
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord, SessionState, billed_minutes
from bot.billing.ledger.schema import MIGRATIONS
from bot.billing.ledger.sqlite import SqliteLedger
from bot.errors import LedgerError
from tests.bot.billing.records import record


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "parley.sqlite3"


@pytest.fixture
async def ledger(file: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(file)
    yield ledger
    await ledger.close()


async def _get(ledger: SqliteLedger, identifier: str = "s1") -> SessionRecord:
    found = await ledger.get(identifier)
    assert found is not None
    return found


async def test_a_whole_life(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record())
    assert await _get(ledger) == record()
    assert await ledger.record_opened("s1", "room-1", "Guide", 1001.0)
    assert (await _get(ledger)).must_be_ended
    assert await ledger.record_closing("s1", 1100.0, EndReason.LEFT, 9)
    await ledger.record_failure("s1", "HTTP 503")
    assert (await _get(ledger)).last_error == "HTTP 503"
    assert await ledger.record_closed("s1", 1101.5, 2, Decimal("1.25"))
    assert await ledger.record_announced("s1", 1102.0)
    assert await _get(ledger) == record(
        state=SessionState.CLOSED,
        reference="room-1",
        voicebot_name="Guide",
        opened_at=1001.0,
        closing_at=1100.0,
        closed_at=1101.5,
        announced_at=1102.0,
        reason=EndReason.LEFT,
        ended_by=9,
        billed_minutes=2,
        credits=Decimal("1.25"),
        attempts=2,
        last_error="HTTP 503",
    )
    assert list(await ledger.unsettled()) == []
    assert list(await ledger.unannounced()) == []


async def test_another_process_sees_it_at_once(ledger: SqliteLedger, file: Path) -> None:
    await ledger.record_intent(record())
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT state FROM sessions").fetchall() == [("intent",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


async def test_a_second_change_of_the_same_kind_does_not_apply(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record())
    assert await ledger.record_opened("s1", "room-1", None, 1001.0)
    assert not await ledger.record_opened("s1", "room-2", None, 1002.0)
    assert await ledger.record_closing("s1", 1003.0, EndReason.EMPTY, None)
    assert not await ledger.record_closing("s1", 1004.0, EndReason.LEFT, 5)
    assert await ledger.record_closed("s1", 1005.0, 1, None)
    assert not await ledger.record_closed("s1", 1006.0, 7, None)
    assert await ledger.record_announced("s1", 1007.0)
    assert not await ledger.record_announced("s1", 1008.0)
    found = await _get(ledger)
    assert (found.reference, found.reason, found.billed_minutes) == ("room-1", EndReason.EMPTY, 1)


async def test_the_same_session_twice_is_an_error(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record())
    with pytest.raises(LedgerError, match="UNIQUE"):
        await ledger.record_intent(record())


async def test_what_is_due(ledger: SqliteLedger) -> None:
    for name in ("intent", "refused", "unknown", "open", "closed"):
        await ledger.record_intent(record(name))
    await ledger.record_refused("refused", 1001.0, "HTTP 402")
    await ledger.record_unknown("unknown", 1001.0, "no answer")
    for name in ("open", "closed"):
        await ledger.record_opened(name, f"room-{name}", None, 1001.0)
    await ledger.record_closed("closed", 1002.0, 1, None)
    assert {r.id for r in await ledger.unsettled()} == {"intent", "unknown", "open"}
    assert {r.id for r in await ledger.unsettled() if r.must_be_ended} == {"open"}
    assert {r.id for r in await ledger.unannounced()} == {"unknown", "closed"}
    assert {r.id for r in await ledger.between(1001.0, 1002.0)} == {"unknown", "open", "closed"}
    assert list(await ledger.between(1001.0, 1002.0, guild_id=77)) == []


async def test_a_late_answer_to_an_unknown_outcome(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record())
    await ledger.record_unknown("s1", 1001.0, "no answer")
    assert await ledger.record_opened("s1", "room-1", None, 1030.0)
    found = await _get(ledger)
    assert (found.state, found.opened_at) == (SessionState.OPEN, 1001.0)


async def test_everything_is_there_after_opening_it_again(file: Path) -> None:
    ledger = await SqliteLedger.open(file)
    await ledger.record_intent(record())
    await ledger.close()
    again = await SqliteLedger.open(file)
    assert await _get(again) == record()
    await again.close()


async def test_a_newer_ledger_is_refused(file: Path) -> None:
    await (await SqliteLedger.open(file)).close()
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(LedgerError, match="newer version"):
        await SqliteLedger.open(file)


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 50, b"\xff" * 4096])
async def test_a_corrupt_file_is_refused_with_the_way_out(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"parley\.sqlite3.*move it away"):
        await SqliteLedger.open(file)


async def test_a_damaged_page_is_noticed(file: Path) -> None:
    ledger = await SqliteLedger.open(file)
    for number in range(200):
        await ledger.record_intent(record(f"s{number}"))
    await ledger.close()
    content = bytearray(file.read_bytes())
    content[8192:12288] = b"\x7f" * 4096
    file.write_bytes(content)
    with pytest.raises(LedgerError):
        await SqliteLedger.open(file)


async def test_a_locked_file_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.billing.ledger.sqlite.BUSY_TIMEOUT", 0.1)
    await (await SqliteLedger.open(file)).close()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="locked"):
        await SqliteLedger.open(file)
    other.close()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(LedgerError):
        await SqliteLedger.open(tmp_path / "folder" / "parley.sqlite3")


async def test_closed_it_says_so(file: Path) -> None:
    ledger = await SqliteLedger.open(file)
    await ledger.close()
    with pytest.raises(LedgerError):
        await ledger.unsettled()


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (59.9, 1), (60, 1), (60.1, 2), (3600, 60)])
def test_every_begun_minute_counts_the_first_at_once(seconds: float, minutes: int) -> None:
    assert billed_minutes(seconds) == minutes
