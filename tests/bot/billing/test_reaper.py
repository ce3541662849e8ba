"""A named session that no call looks after is ended, and no other."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.billing import reaper as module
from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.reaper import Reaper
from bot.errors import LedgerError
from tests.support import eventually

from .records import ScriptedProvider, record


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    yield ledger
    await ledger.close()


class Desk:
    """A reaper, and what it has the provider do."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.provider = ScriptedProvider()
        self.closer = SessionCloser(ledger, lambda _: [self.provider])  # type: ignore[list-item]
        self.calls: set[str] = set()
        self.reaper = Reaper(ledger, self.closer, self.calls.__contains__)


async def test_it_is_ended_at_the_second_look(ledger: SqliteLedger) -> None:
    desk = Desk(ledger)
    await ledger.record_intent(record("s1"))
    await ledger.record_opened("s1", "room-1", None, 1000.0)
    await desk.reaper.look()
    assert desk.provider.end_attempts == []  # whoever looks after it may be about to
    await desk.reaper.look()
    await eventually(lambda: desk.provider.end_attempts == ["room-1"])
    await eventually(lambda: not desk.closer.is_ending("s1"))
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.reason) == (SessionState.CLOSED, EndReason.FORGOTTEN)


async def test_a_call_s_own_is_left_alone(ledger: SqliteLedger) -> None:
    desk = Desk(ledger)
    desk.calls.add("s1")
    await ledger.record_intent(record("s1"))
    await ledger.record_opened("s1", "room-1", None, 1000.0)
    for _ in range(4):
        await desk.reaper.look()
    assert desk.provider.end_attempts == []
    desk.calls.clear()
    await desk.reaper.look()
    await desk.reaper.look()
    await eventually(lambda: desk.provider.end_attempts == ["room-1"])


async def test_one_that_is_being_ended_is_not_ended_twice(ledger: SqliteLedger) -> None:
    desk = Desk(ledger)
    await ledger.record_intent(record("s1"))
    await ledger.record_opened("s1", "room-1", None, 1000.0)
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    desk.provider.before_end = wait
    found = await ledger.get("s1")
    assert found is not None
    ending = desk.closer.end(found, EndReason.LEFT)
    for _ in range(3):
        await desk.reaper.look()
    gate.set()
    assert (await ending).reason is EndReason.LEFT
    assert desk.provider.end_attempts == ["room-1"]


async def test_a_request_whose_sender_is_gone_has_an_unknown_outcome(ledger: SqliteLedger) -> None:
    """It no longer counts as a running call, and the channel is told."""
    desk = Desk(ledger)
    await ledger.record_intent(record("s1"))
    await desk.reaper.look()
    await desk.reaper.look()
    found = await ledger.get("s1")
    assert found is not None
    assert found.state is SessionState.UNKNOWN
    assert [due.id for due in await ledger.unannounced()] == ["s1"]
    for _ in range(3):
        await desk.reaper.look()
    assert desk.provider.end_attempts == []


async def test_it_outlives_a_ledger_that_fails(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.01)
    desk = Desk(ledger)
    await ledger.close()
    running = asyncio.create_task(desk.reaper.run())
    await asyncio.sleep(0.1)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_whose_late_answer_has_just_come_is_left_to_whoever_waited_for_it(ledger: SqliteLedger) -> None:
    desk = Desk(ledger)
    await ledger.record_intent(record("s1"))
    await ledger.record_unknown("s1", 1000.0, "no answer")
    await desk.reaper.look()
    await ledger.record_opened("s1", "room-1", None, 1000.0)
    await desk.reaper.look()
    assert desk.provider.end_attempts == []
    await desk.reaper.look()
    await eventually(lambda: desk.provider.end_attempts == ["room-1"])


async def test_an_end_that_waits_to_be_written_down_is_no_forgotten_session(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk the row stays open for as long as it takes; asking the provider again would change nothing."""
    desk = Desk(ledger)
    await ledger.record_intent(record("s1"))
    await ledger.record_opened("s1", "room-1", None, 1000.0)

    async def full(*_: object) -> bool:
        raise LedgerError("full")

    monkeypatch.setattr(ledger, "record_closed", full)
    found = await ledger.get("s1")
    assert found is not None
    await desk.closer.end(found, EndReason.LEFT)
    for _ in range(4):
        await desk.reaper.look()
    assert desk.provider.end_attempts == ["room-1"]
    await desk.closer.stop()
