"""Each receipt is given once; what could not be told is told again, and not for ever."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.billing import receipts
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.receipt import Receipt
from bot.billing.receipts import Receipts
from bot.errors import LedgerError

from .records import record


class Audience:
    """Takes receipts; fails for the first `failures` of them."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[Receipt] = []
        self.forgotten: list[str] = []

    async def ended(self, receipt: Receipt) -> bool:
        self.got.append(receipt)
        self.failures -= 1
        return self.failures < 0

    def forget(self, call_id: str) -> None:
        self.forgotten.append(call_id)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    await ledger.record_intent(record())
    await ledger.record_opened("s1", "room", "Guide", 1000.0)
    await ledger.record_closed("s1", 1090.0, 2, None)
    yield ledger
    await ledger.close()


async def _sweep(receipts_: Receipts, seconds: float = 0.2) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(receipts_.sweep(), seconds)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "SWEEP_INTERVAL", 0.01)


async def test_a_session_of_a_dead_bot_has_one(ledger: SqliteLedger) -> None:
    audience = Audience()
    await _sweep(Receipts(ledger, audience))
    (receipt,) = audience.got
    assert (receipt.call_id, receipt.billed_minutes, receipt.recovered) == ("s1", 2, True)
    assert (receipt.duration, receipt.voicebot_name) == (90.0, "Guide")
    # Nor does the next start give another.
    await _sweep(Receipts(ledger, audience))
    assert len(audience.got) == 1


async def test_a_call_of_our_own_gives_it_itself(ledger: SqliteLedger) -> None:
    audience = Audience()
    own = Receipts(ledger, audience)
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
    await _sweep(Receipts(ledger, audience))
    assert len(audience.got) == 3
    assert list(await ledger.unannounced()) == []


async def test_but_not_for_ever(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    audience = Audience(failures=99)
    await _sweep(Receipts(ledger, audience))
    assert len(audience.got) == 3
    assert audience.forgotten == ["s1"], "nobody keeps what it began with for a receipt that never comes"
    assert "could not be posted" in caplog.text


async def test_an_outcome_that_may_still_become_known_waits(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.record_announced("s1", 1.0)
    await ledger.record_intent(record("s2", intended_at=time.time()))
    await ledger.record_unknown("s2", time.time(), "no answer")
    audience = Audience()
    await _sweep(Receipts(ledger, audience))
    assert audience.got == []
    monkeypatch.setattr(receipts, "LATE_ANSWER_TIMEOUT", 0.05)
    await _sweep(Receipts(ledger, audience))
    assert [(receipt.call_id, receipt.reason) for receipt in audience.got] == [("s2", None)]


async def test_a_dead_disk_gives_it_once_all_the_same(ledger: SqliteLedger) -> None:
    closed = await ledger.get("s1")
    assert closed is not None
    await ledger.close()
    audience = Audience()
    own = Receipts(ledger, audience)
    await own.give(closed)
    await own.give(closed)
    assert len(audience.got) == 1


async def test_what_came_of_an_unknown_outcome_has_a_receipt_of_its_own(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First that a session may be open, then, when its answer came late, what it cost."""
    monkeypatch.setattr(receipts, "LATE_ANSWER_TIMEOUT", 0.05)
    await ledger.record_announced("s1", 1.0)
    await ledger.record_intent(record("s2"))
    await ledger.record_unknown("s2", time.time(), "no answer")
    audience = Audience()
    own = Receipts(ledger, audience)
    await _sweep(own)
    await ledger.record_opened("s2", "room", "Guide", time.time())
    await _sweep(own)
    assert [receipt.reason for receipt in audience.got] == [None]
    await ledger.record_closing("s2", time.time(), EndReason.TOO_LATE, None)
    await ledger.record_closed("s2", time.time(), 1, None)
    await _sweep(own)
    assert [receipt.reason for receipt in audience.got] == [None, EndReason.TOO_LATE]
    assert list(await ledger.unannounced()) == []


async def test_that_it_was_given_is_written_when_the_disk_takes_it(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced, refusals = ledger.record_announced, [LedgerError("full"), LedgerError("full")]

    async def write(session_id: str, at: float) -> bool:
        if refusals:
            raise refusals.pop()
        return await announced(session_id, at)

    monkeypatch.setattr(ledger, "record_announced", write)
    audience = Audience()
    await _sweep(Receipts(ledger, audience))
    assert len(audience.got) == 1
    assert list(await ledger.unannounced()) == []


async def test_a_receipt_that_is_refused_today_stays_due(ledger: SqliteLedger) -> None:
    """A moderator has timed the bot out, say: that passes."""
    await ledger.record_announced("s1", 1.0)
    await ledger.record_intent(record("s2", intended_at=time.time()))
    await ledger.record_opened("s2", "room-2", None, time.time())
    await ledger.record_closed("s2", time.time(), 1, None)
    audience = Audience(failures=9)
    due = Receipts(ledger, audience)
    for _ in range(6):
        await due.give(record("s2", state=SessionState.CLOSED, closed_at=time.time()))
    assert [one.id for one in await ledger.unannounced()] == ["s2"]
    assert not due._is_time(record("s2"))  # and is not tried every ten seconds


async def test_one_receipt_that_cannot_be_made_costs_no_other_its_own(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record("s2", intended_at=2000.0))
    await ledger.record_opened("s2", "room-2", None, 2000.0)
    await ledger.record_closed("s2", 2060.0, 1, None)

    class Careless(Audience):
        async def ended(self, receipt: Receipt) -> bool:
            if receipt.call_id == "s1":
                raise ValueError("a number of thousands of digits")
            return await super().ended(receipt)

    audience = Careless()
    await _sweep(Receipts(ledger, audience))
    assert [receipt.call_id for receipt in audience.got] == ["s2"]
