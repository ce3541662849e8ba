"""A session is written down before it may be billed, asked for once, and a late answer is ended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.opening import RecordedOpener
from bot.errors import BadAnswer, LedgerError, OutcomeUnknown, ProviderDown, ProviderError
from tests.support import eventually

from .records import ScriptedProvider, record


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    yield ledger
    await ledger.close()


def _opener(ledger: Any, provider: Any) -> RecordedOpener:
    return RecordedOpener(ledger, SessionCloser(ledger, lambda _: [provider]), lambda _: provider)


async def _state(ledger: SqliteLedger) -> SessionState:
    found = await ledger.get("s1")
    assert found is not None
    return found.state


async def test_an_intent_is_on_disk_before_the_request(ledger: SqliteLedger) -> None:
    provider = ScriptedProvider(gate=asyncio.Event())
    opening = asyncio.create_task(_opener(ledger, provider).open(record(), "The Museum"))
    await eventually(lambda: bool(provider.opened))
    assert await _state(ledger) is SessionState.INTENT
    assert provider.gate is not None
    provider.gate.set()
    assert (await opening).reference == "room-1"
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.reference, found.voicebot_name) == (SessionState.OPEN, "room-1", "Guide")


async def test_without_a_ledger_nothing_is_asked_for(ledger: SqliteLedger) -> None:
    await ledger.close()
    provider = ScriptedProvider()
    with pytest.raises(LedgerError):
        await _opener(ledger, provider).open(record(), "")
    assert provider.opened == 0


async def test_a_refusal_costs_nothing(ledger: SqliteLedger) -> None:
    with pytest.raises(ProviderDown):
        await _opener(ledger, ScriptedProvider(ProviderDown("HTTP 500"))).open(record(), "")
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.billed_minutes) == (SessionState.CLOSED, 0)
    assert list(await ledger.unannounced()) == []


async def test_a_lost_answer_is_unknown_and_never_repeated(ledger: SqliteLedger) -> None:
    provider = ScriptedProvider(OutcomeUnknown("connection lost"))
    with pytest.raises(OutcomeUnknown):
        await _opener(ledger, provider).open(record(), "")
    assert provider.opened == 1
    assert await _state(ledger) is SessionState.UNKNOWN
    assert [due.id for due in await ledger.unannounced()] == ["s1"]


async def test_a_bad_answer_with_a_name_is_the_callers_to_end(ledger: SqliteLedger) -> None:
    with pytest.raises(BadAnswer):
        await _opener(ledger, ScriptedProvider(BadAnswer("no token", reference="room-1"))).open(record(), "")
    assert await _state(ledger) is SessionState.OPEN


@pytest.mark.parametrize("failures", [[], [BadAnswer("no token", reference="room-1")]])
async def test_a_late_answer_is_ended(ledger: SqliteLedger, failures: list[ProviderError]) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider(*failures, answer_timeout=0.05, gate=gate)
    opener = _opener(ledger, provider)
    with pytest.raises(OutcomeUnknown, match="no answer"):
        await opener.open(record(), "")
    assert await _state(ledger) is SessionState.UNKNOWN
    assert opener.waiting
    gate.set()
    await eventually(lambda: not opener.waiting)
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.reason) == (SessionState.CLOSED, EndReason.TOO_LATE)
    assert (provider.opened, provider.end_attempts) == (1, ["room-1"])


async def test_a_late_refusal_means_that_nothing_was_billed(ledger: SqliteLedger) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider(ProviderDown("HTTP 500"), answer_timeout=0.05, gate=gate)
    opener = _opener(ledger, provider)
    with pytest.raises(OutcomeUnknown):
        await opener.open(record(), "")
    gate.set()
    await eventually(lambda: not opener.waiting)
    found = await ledger.get("s1")
    assert found is not None
    assert (found.state, found.billed_minutes) == (SessionState.CLOSED, 0)
    assert provider.end_attempts == []


async def test_cancelled_it_still_ends_what_it_opens(ledger: SqliteLedger) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider(gate=gate)
    opener = _opener(ledger, provider)
    opening = asyncio.create_task(opener.open(record(), ""))
    await eventually(lambda: bool(provider.opened))
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    gate.set()
    await eventually(lambda: not opener.waiting)
    assert provider.end_attempts == ["room-1"]


async def test_a_name_that_cannot_be_written_down_is_ended_at_once(ledger: SqliteLedger) -> None:
    """A crash could not find it again; so the call does not begin."""
    provider = ScriptedProvider(gate=asyncio.Event())
    opening = asyncio.create_task(_opener(ledger, provider).open(record(), ""))
    await eventually(lambda: bool(provider.opened))
    await ledger.close()
    assert provider.gate is not None
    provider.gate.set()
    with pytest.raises(LedgerError):
        await opening
    assert provider.end_attempts == ["room-1"]


@pytest.mark.parametrize("failures", [[], [BadAnswer("no token", reference="room-1")], [ProviderDown("HTTP 500")]])
async def test_a_late_answer_is_ended_although_the_disk_has_died(
    ledger: SqliteLedger, failures: list[ProviderError], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can be written down any more; the answer is still waited for, and what it names is ended."""
    gate = asyncio.Event()
    provider = ScriptedProvider(*failures, answer_timeout=0.2, gate=gate)
    opener = _opener(ledger, provider)
    opening = asyncio.create_task(opener.open(record(), ""))
    await eventually(lambda: bool(provider.opened))
    await ledger.close()
    with pytest.raises(OutcomeUnknown, match="no answer"):
        await opening
    assert opener.waiting
    gate.set()
    await eventually(lambda: not opener.waiting)
    refused = bool(failures) and not isinstance(failures[0], BadAnswer)
    assert provider.end_attempts == ([] if refused else ["room-1"])
    assert provider.opened == 1
    assert "never retrieved" not in caplog.text
