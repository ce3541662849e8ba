"""Ending is a loop: every failure is followed by another try, and the ledger's health does not matter to it."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import clock
from bot.billing import closing
from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.errors import (
    KeyRejected,
    LedgerError,
    NotAllowed,
    ProviderDown,
    ProviderError,
    RateLimited,
    Refused,
    WrongAddress,
)
from bot.provider import Account, SessionEnd, key_fingerprint
from tests.support import eventually

from .records import ACCOUNT, ScriptedProvider, record


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    await ledger.record_intent(record())
    await ledger.record_opened("s1", "room-1", None, 1000.0)
    yield ledger
    await ledger.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, not waited for."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    return waits


OPEN = record(state=SessionState.OPEN, reference="room-1", opened_at=1000.0)


def _closer(ledger: Any, provider: Any) -> SessionCloser:
    return SessionCloser(ledger, lambda _: [provider])


async def test_at_once_when_it_works(ledger: SqliteLedger, waits: list[float]) -> None:
    provider = ScriptedProvider()
    provider.end_result = SessionEnd(credits=Decimal("2"))
    closed = await _closer(ledger, provider).end(OPEN, EndReason.LEFT, 9, seconds=61.0)
    assert provider.end_attempts == ["room-1"]
    assert waits == []
    assert closed == await ledger.get("s1")
    assert (closed.state, closed.reason, closed.ended_by) == (SessionState.CLOSED, EndReason.LEFT, 9)
    assert (closed.billed_minutes, closed.credits, closed.attempts) == (2, Decimal("2"), 1)


async def test_the_waits_grow_to_a_limit(ledger: SqliteLedger, waits: list[float]) -> None:
    provider = ScriptedProvider(*[ProviderDown("HTTP 503")] * 12)
    closed = await _closer(ledger, provider).end(OPEN, EndReason.LEFT)
    assert len(provider.end_attempts) == closed.attempts == 13
    assert waits[0] <= closing.RETRY_MIN
    assert all(wait <= closing.RETRY_MAX for wait in waits)
    assert waits[-1] >= closing.RETRY_MAX / 2


async def test_the_providers_own_wish_to_wait_is_respected(ledger: SqliteLedger, waits: list[float]) -> None:
    await _closer(ledger, ScriptedProvider(RateLimited("HTTP 429", retry_after=7.0))).end(OPEN, EndReason.LEFT)
    assert waits == [7.0]


@pytest.mark.parametrize("error", [KeyRejected("HTTP 401"), NotAllowed("HTTP 403"), WrongAddress("HTTP 404")])
async def test_a_refusal_is_no_end_and_is_said_loudly(
    ledger: SqliteLedger, waits: list[float], caplog: pytest.LogCaptureFixture, error: ProviderError
) -> None:
    provider = ScriptedProvider(error)
    await _closer(ledger, provider).end(OPEN, EndReason.LEFT)
    assert len(provider.end_attempts) == 2
    loud = [entry.message for entry in caplog.records if entry.levelno == logging.ERROR]
    assert "VALSEA_API_KEY" in loud[0]


async def test_a_config_without_its_provider_is_tried_again(ledger: SqliteLedger, waits: list[float]) -> None:
    """The config is asked anew for every attempt, so that correcting it helps."""
    provider = ScriptedProvider()
    answers: list[Any] = [Refused("not installed"), provider]

    def provider_of(_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    await SessionCloser(ledger, provider_of).end(OPEN, EndReason.LEFT)
    assert provider.end_attempts == ["room-1"]


async def test_twice_asked_is_once_ended(ledger: SqliteLedger) -> None:
    provider = ScriptedProvider()
    closer = _closer(ledger, provider)
    first, second = closer.end(OPEN, EndReason.LEFT), closer.end(OPEN, EndReason.EMPTY)
    assert first is second
    assert (await first).reason is EndReason.LEFT
    assert provider.end_attempts == ["room-1"]


async def test_a_dead_disk_does_not_keep_a_session_open(ledger: SqliteLedger) -> None:
    await ledger.close()
    provider = ScriptedProvider(ProviderDown("HTTP 500"))
    closed = await _closer(ledger, provider).end(OPEN, EndReason.LEFT, seconds=10.0)
    assert len(provider.end_attempts) == 2
    assert (closed.state, closed.billed_minutes, closed.reason) == (SessionState.CLOSED, 1, EndReason.LEFT)


async def test_the_ledger_knows_that_it_is_being_ended_while_it_is(ledger: SqliteLedger) -> None:
    provider = ScriptedProvider()
    seen = []

    async def look() -> None:
        async with asyncio.timeout(5):  # both go on at once
            while (found := await ledger.get("s1")) is None or found.state is SessionState.OPEN:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        seen.append(found)

    provider.before_end = look
    await _closer(ledger, provider).end(OPEN, EndReason.LEFT, 9)
    assert [(found.state, found.reason) for found in seen] == [(SessionState.CLOSING, EndReason.LEFT)]


async def test_stopping_leaves_the_obligation_in_the_ledger(
    ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider(*[ProviderDown("HTTP 500")] * 99)
    closer = _closer(ledger, provider)
    task = closer.end(OPEN, EndReason.SHUTDOWN)
    await asyncio.sleep(0.05)
    await closer.stop()
    assert task.cancelled()
    assert [left.id for left in await ledger.unsettled()] == ["s1"]
    assert "may still be open and billed" in caplog.text


async def test_the_one_who_comes_second_does_not_wipe_out_what_the_first_was_told(
    ledger: SqliteLedger, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog and a bot that wakes up may both end it."""
    looks = itertools.count(1000.0, 5.0)
    monkeypatch.setattr(clock, "now", lambda: next(looks))  # that there is none is not believed at once
    first, second = ScriptedProvider(), ScriptedProvider()
    first.end_result = SessionEnd(credits=Decimal("3"))
    second.end_result = SessionEnd(already_gone=True)
    await _closer(ledger, first).end(OPEN, EndReason.WATCHDOG, seconds=170.0)
    closed = await _closer(ledger, second).end(OPEN, EndReason.LEFT, seconds=999.0)
    assert (closed.credits, closed.reason, closed.billed_minutes) == (Decimal("3"), EndReason.WATCHDOG, 3)


async def test_a_changed_config_is_tried_at_once(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key was wrong; nobody waits half a minute, at the provider's price, after it was corrected."""
    monkeypatch.setattr(closing, "RETRY_MIN", 60.0)
    monkeypatch.setattr(closing, "RETRY_MAX", 60.0)
    provider = ScriptedProvider(KeyRejected("401"), KeyRejected("401"))
    closer = _closer(ledger, provider)
    task = closer.end(OPEN, EndReason.LEFT)
    await eventually(lambda: len(provider.end_attempts) == 1)

    async def meanwhile() -> None:
        closer.config_changed()

    provider.before_end = meanwhile  # the next attempt is under way with the old key still
    closer.config_changed()
    async with asyncio.timeout(5):
        assert (await task).attempts == 3


async def test_a_key_that_was_replaced_is_not_the_only_one(ledger: SqliteLedger, waits: list[float]) -> None:
    """The old key is rejected for good; the server's new one, of the same organisation, ends it in the same attempt."""
    old, new = ScriptedProvider(KeyRejected("HTTP 401")), ScriptedProvider()
    enders: Any = [old, new]
    closed = await SessionCloser(ledger, lambda _: enders).end(OPEN, EndReason.LEFT)
    assert (old.end_attempts, new.end_attempts) == (["room-1"], ["room-1"])
    assert (closed.state, waits) == (SessionState.CLOSED, [])


class ForgetfulLedger:
    """A disk that takes nothing for a while."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.full = True
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        async def call(*arguments: Any) -> Any:
            if self.full and name in ("record_closing", "record_closed", "record_failure"):
                raise LedgerError("database or disk is full")
            return await method(*arguments)

        return call


async def test_an_end_that_the_disk_did_not_take_is_written_when_it_does(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it would count as running, and as costing more and more."""
    monkeypatch.setattr(closing, "REWRITE_INTERVAL", 0.02)
    disk = ForgetfulLedger(ledger)
    closer = _closer(disk, ScriptedProvider())
    closed = await closer.end(OPEN, EndReason.LEFT, 9, seconds=61.0)
    assert (closed.state, closed.billed_minutes) == (SessionState.CLOSED, 2)
    await asyncio.sleep(0.1)
    found = await ledger.get("s1")
    assert found is not None
    assert found.state is SessionState.OPEN
    disk.full = False
    await eventually(lambda: not closer.is_ending("s1"))
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.billed_minutes, found.reason, found.ended_by) == (
        SessionState.CLOSED,
        2,
        EndReason.LEFT,
        9,
    )
    await closer.stop()


async def test_one_that_was_gone_already_cost_until_it_was_ended_and_not_until_now(ledger: SqliteLedger) -> None:
    provider = ScriptedProvider()
    provider.end_result = SessionEnd(already_gone=True)
    await ledger.record_closing("s1", 1130.0, EndReason.LEFT, None)
    was_ending = await ledger.get("s1")
    assert was_ending is not None
    closed = await _closer(ledger, provider).end(was_ending, EndReason.CRASHED)
    assert (closed.billed_minutes, closed.reason) == (3, EndReason.LEFT)


async def test_that_another_account_cannot_see_it_is_no_end(ledger: SqliteLedger, waits: list[float]) -> None:
    """It may be another organisation's key, to which the session is a 404 while it bills."""
    old, other = ScriptedProvider(KeyRejected("HTTP 401"), KeyRejected("HTTP 401")), ScriptedProvider()
    other.end_result = SessionEnd(already_gone=True)
    enders: Any = [old, other]
    closed = await SessionCloser(ledger, lambda _: enders).end(OPEN, EndReason.LEFT)
    assert (len(old.end_attempts), len(other.end_attempts), closed.attempts) == (3, 2, 3)


class Clock:
    """A monotonic clock that goes on while the closer waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
        monkeypatch.setattr(clock, "now", lambda: sum(waits))


def _gone(*failures: Exception) -> ScriptedProvider:
    provider = ScriptedProvider(*failures)
    provider.end_result = SessionEnd(already_gone=True)
    return provider


@pytest.mark.parametrize(("age", "least"), [(1.0, closing.GONE_FOR_YOUNG), (3600.0, closing.GONE_FOR)])
async def test_that_there_is_no_session_is_asked_again_before_it_is_believed(
    ledger: SqliteLedger, waits: list[float], monkeypatch: pytest.MonkeyPatch, age: float, least: float
) -> None:
    """One second after the POST, one part of a provider may not know what another has opened."""
    Clock(monkeypatch, waits)
    provider = _gone()
    opened = record(state=SessionState.OPEN, reference="room-1", opened_at=time.time() - age)
    closed = await _closer(ledger, provider).end(opened, EndReason.LEFT)
    assert sum(waits) >= least
    assert len(provider.end_attempts) >= 3
    assert closed.state is SessionState.CLOSED


async def test_a_session_that_is_found_after_all_is_ended(
    ledger: SqliteLedger, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, waits)
    provider = _gone()

    async def found_the_third_time() -> None:
        if len(provider.end_attempts) == 3:
            provider.end_result = SessionEnd(credits=Decimal(1))

    provider.before_end = found_the_third_time
    closed = await _closer(ledger, provider).end(OPEN, EndReason.LEFT)
    assert closed.credits == Decimal(1)
    assert len(provider.end_attempts) == 3


@pytest.mark.parametrize("failure", [ProviderDown("no answer"), ProviderDown("HTTP 502")])
async def test_after_an_attempt_whose_answer_was_lost_it_is_believed_at_once(
    ledger: SqliteLedger, waits: list[float], failure: Exception
) -> None:
    await _closer(ledger, provider := _gone(failure)).end(OPEN, EndReason.LEFT)
    assert len(provider.end_attempts) == 2


async def test_when_the_provider_ended_the_room_it_is_believed_at_once(
    ledger: SqliteLedger, waits: list[float]
) -> None:
    await _closer(ledger, provider := _gone()).end(OPEN, EndReason.ROOM_ENDED)
    assert len(provider.end_attempts) == 1


async def test_another_key_knowing_of_no_session_says_nothing_about_it(
    ledger: SqliteLedger, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart the variable may hold the key of another organisation, which sees none of ours."""
    Clock(monkeypatch, waits)
    provider = _gone()
    provider.account = Account(ACCOUNT.key_name, ACCOUNT.endpoint, key_fingerprint("vl_new"))
    account = Account(ACCOUNT.key_name, ACCOUNT.endpoint, key_fingerprint("vl_old"))
    opened = record(state=SessionState.OPEN, reference="room-1", opened_at=time.time() - 3600, account=account)
    ending = _closer(ledger, provider).end(opened, EndReason.ROOM_ENDED)
    await eventually(lambda: sum(waits) > 10 * closing.GONE_FOR)
    assert not ending.done()
    known = await ledger.get("s1")
    assert known is not None
    assert "another key" in (known.last_error or "")
    provider.end_result = SessionEnd(credits=Decimal(1))  # the operator has put the old key back
    assert (await ending).credits == Decimal(1)


async def test_a_call_waits_for_the_confirmation_and_does_not_stop_the_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CONFIRM_TIMEOUT_AT_SHUTDOWN", 0.01)
    answered = asyncio.Event()
    task: asyncio.Task[Any] = asyncio.create_task(answered.wait())
    assert not await closing.confirmed(task, hurry=True)
    assert not task.cancelled()
    assert not task.done()
    answered.set()
    assert await closing.confirmed(task, hurry=False)
