"""Each receipt is given once; what could not be told is told again, and not for ever."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.call import receipts
from bot.call.events import Receipt
from bot.call.ledger.sqlite import SqliteLedger
from bot.call.receipts import Receipts
from bot.call.state import EndReason
from bot.errors import LedgerError

from .records import record


class Audience:
    """Takes receipts; fails for the first `failures` of them."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[Receipt] = []

    async def ended(self, receipt: Receipt) -> bool:
        self.got.append(receipt)
        self.failures -= 1
        return self.failures < 0


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    await ledger.intend(record())
    await ledger.opened("s1", "room", "Guide", 1000.0)
    await ledger.closed("s1", 1090.0, 2, None)
    yield ledger
    await ledger.close()


async def _sweep(receipts_: Receipts, seconds: float = 0.2) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(receipts_.sweep(), seconds)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "SWEEP", 0.01)


async def test_a_session_of_a_dead_bot_has_one(ledger: SqliteLedger) -> None:
    audience = Audience()
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    (receipt,) = audience.got
    assert (receipt.session_id, receipt.billed_minutes, receipt.recovered) == ("s1", 2, True)
    assert (receipt.duration, receipt.voicebot_name) == (90.0, "Guide")
    # Nor does the next start give another.
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert len(audience.got) == 1


async def test_a_call_of_our_own_gives_it_itself(ledger: SqliteLedger) -> None:
    audience = Audience()
    own = Receipts(ledger, audience)  # type: ignore[arg-type]
    own.expect("s1")
    await _sweep(own)
    assert audience.got == []
    closed = await ledger.get("s1")
    assert closed is not None
    await own.give(closed)
    own.release("s1")
    await _sweep(own)
    assert [receipt.recovered for receipt in audience.got] == [False]


async def test_what_could_not_be_told_is_told_again(ledger: SqliteLedger) -> None:
    audience = Audience(failures=2)
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert len(audience.got) == 3
    assert list(await ledger.unannounced()) == []


async def test_but_not_for_ever(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receipts, "ATTEMPTS", 3)
    audience = Audience(failures=99)
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert len(audience.got) == 3
    assert "could not be posted" in caplog.text


async def test_an_outcome_that_may_still_become_known_waits(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.announced("s1", 1.0)
    await ledger.intend(record("s2", intended_at=time.time()))
    await ledger.unknown("s2", time.time(), "no answer")
    audience = Audience()
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert audience.got == []
    monkeypatch.setattr(receipts, "LATE_WAIT", 0.05)
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert [(receipt.session_id, receipt.reason) for receipt in audience.got] == [("s2", None)]


async def test_a_dead_disk_gives_it_once_all_the_same(ledger: SqliteLedger) -> None:
    closed = await ledger.get("s1")
    assert closed is not None
    await ledger.close()
    audience = Audience()
    own = Receipts(ledger, audience)  # type: ignore[arg-type]
    await own.give(closed)
    await own.give(closed)
    assert len(audience.got) == 1


async def test_what_came_of_an_unknown_outcome_has_a_receipt_of_its_own(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First that a session may be open, then, when its answer came late, what it cost."""
    monkeypatch.setattr(receipts, "LATE_WAIT", 0.05)
    await ledger.announced("s1", 1.0)
    await ledger.intend(record("s2"))
    await ledger.unknown("s2", time.time(), "no answer")
    audience = Audience()
    own = Receipts(ledger, audience)  # type: ignore[arg-type]
    await _sweep(own)
    await ledger.opened("s2", "room", "Guide", time.time())
    await _sweep(own)
    assert [receipt.reason for receipt in audience.got] == [None]
    await ledger.closing("s2", time.time(), EndReason.TOO_LATE, None)
    await ledger.closed("s2", time.time(), 1, None)
    await _sweep(own)
    assert [receipt.reason for receipt in audience.got] == [None, EndReason.TOO_LATE]
    assert list(await ledger.unannounced()) == []


async def test_that_it_was_given_is_written_when_the_disk_takes_it(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced, refusals = ledger.announced, [LedgerError("full"), LedgerError("full")]

    async def write(session_id: str, at: float) -> bool:
        if refusals:
            raise refusals.pop()
        return await announced(session_id, at)

    monkeypatch.setattr(ledger, "announced", write)
    audience = Audience()
    await _sweep(Receipts(ledger, audience))  # type: ignore[arg-type]
    assert len(audience.got) == 1
    assert list(await ledger.unannounced()) == []
