"""What the watchdog does when the bot lives, hangs up, dies, or freezes: on a real ledger, with scripted providers."""

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.opening import RecordedOpener
from bot.errors import LedgerError, ProviderDown
from bot.provider import VoicebotSession
from bot.recorder.exchanges import Exchange, observer
from bot.watchdog import messages, process
from bot.watchdog.heartbeat import BotStatus
from bot.watchdog.messages import NotOpened, Open, Opened, Ready
from bot.watchdog.process import Watchdog
from tests.bot.billing.records import ScriptedProvider, record
from tests.support import eventually

INSTANCE = 7


class Heartbeat:
    """The bot's, as this test wants it to look."""

    def __init__(self) -> None:
        self.sign = BotStatus(True, INSTANCE)

    def look(self, now: float) -> BotStatus:
        return self.sign

    def stops(self) -> None:
        self.sign = BotStatus(False, INSTANCE)


class Kennel:
    """A watchdog, the bot's end of its line, and what both see."""

    def __init__(self, ledger: SqliteLedger, instance: int | None = INSTANCE) -> None:
        self.ledger, self.heartbeat, self.provider = ledger, Heartbeat(), ScriptedProvider()
        closer = SessionCloser(ledger, lambda _: [cast(Any, self.provider)])
        opener = RecordedOpener(ledger, closer, lambda _: cast(Any, self.provider))
        self.stop = asyncio.Event()
        ours, theirs = socket.socketpair()
        self._theirs = theirs
        self.watchdog = Watchdog(ledger, closer, opener, cast(Any, self.heartbeat), instance)
        self.running = asyncio.create_task(self.watchdog.run(ours, self.stop))
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self._theirs, limit=messages.LINE_LIMIT)
        assert isinstance(await messages.read(self.reader), Ready)

    async def ask(self, number: int, name: str, *, seconds: float = 60.0, observed: bool = False) -> None:
        deadline = time.monotonic() + seconds
        wish = Open(number=number, record=record(name), participant="Ann", observed=observed, deadline=deadline)
        messages.write(self.writer, wish)
        await self.writer.drain()

    async def answer(self) -> Any:
        async with asyncio.timeout(5):
            return await messages.read(self.reader)

    async def opened(self, name: str) -> None:
        """A session that is in the ledger already."""
        await self.ledger.record_intent(record(name))
        await self.ledger.record_opened(name, f"room-{name}", "Guide", 1000.0)

    async def goes(self) -> None:
        """Until the watchdog has nothing left to stay for."""
        async with asyncio.timeout(10):
            await self.running


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "sessions.sqlite3")
    yield ledger
    await ledger.close()


@pytest.fixture
async def kennel(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kennel]:
    monkeypatch.setattr(process, "POLL_INTERVAL", 0.005)
    monkeypatch.setattr(process, "LOCK_TIMEOUT", 0.02)
    kennel = Kennel(ledger)
    await kennel.connect()
    yield kennel
    kennel.stop.set()
    await asyncio.gather(kennel.running, return_exceptions=True)
    kennel.writer.close()


async def test_it_opens_what_the_bot_asks_for(kennel: Kennel, ledger: SqliteLedger) -> None:
    await kennel.ask(3, "s1")
    answer = await kennel.answer()
    assert isinstance(answer, Opened)
    assert (answer.number, answer.session.reference) == (3, "room-1")
    (row,) = await ledger.unsettled()
    assert (row.id, row.state, row.reference) == ("s1", SessionState.OPEN, "room-1")


async def test_why_nothing_was_opened_is_passed_on(kennel: Kennel) -> None:
    kennel.provider.failures = [ProviderDown("HTTP 503")]
    await kennel.ask(4, "s1")
    answer = await kennel.answer()
    assert isinstance(answer, NotOpened)
    assert (answer.number, answer.error) == (4, "ProviderDown")


async def test_a_bug_of_its_own_is_an_answer_too(kennel: Kennel, caplog: pytest.LogCaptureFixture) -> None:
    kennel.provider.failures = [RuntimeError("a bug with a secret in it")]
    await kennel.ask(4, "s1")
    answer = await kennel.answer()
    assert isinstance(answer, NotOpened)
    assert "secret" not in answer.message


async def test_a_wish_that_nobody_waits_for_any_more_opens_nothing(kennel: Kennel) -> None:
    """This process was frozen meanwhile."""
    await kennel.ask(1, "late", seconds=-1.0)
    await kennel.ask(2, "s1")
    assert (await kennel.answer()).number == 2
    assert kennel.provider.opened == 1


async def test_while_the_bot_lives_nothing_is_ended(kennel: Kennel) -> None:
    await kennel.opened("s1")
    await asyncio.sleep(0.05)
    assert kennel.provider.end_attempts == []
    assert not kennel.running.done()


async def test_a_dead_bots_sessions_are_ended_once_each_and_then_it_goes(kennel: Kennel, ledger: SqliteLedger) -> None:
    await kennel.opened("s1")
    await kennel.opened("s2")
    kennel.heartbeat.stops()
    await kennel.goes()
    assert sorted(kennel.provider.end_attempts) == ["room-s1", "room-s2"]
    rows = await ledger.between(0.0, math.inf, 1)
    assert [(row.state, row.reason) for row in rows] == [(SessionState.CLOSED, EndReason.WATCHDOG)] * 2


async def test_a_session_whose_answer_comes_after_the_bots_death_is_ended(kennel: Kennel) -> None:
    kennel.provider.gate = asyncio.Event()
    await kennel.ask(1, "s1")
    await eventually(lambda: kennel.provider.opened == 1)
    kennel.writer.close()
    kennel.heartbeat.stops()
    await asyncio.sleep(0.02)
    assert not kennel.running.done(), "the answer is still to come"
    kennel.provider.gate.set()
    await kennel.goes()
    assert set(kennel.provider.end_attempts) == {"room-1"}


async def test_a_session_that_nobody_waits_for_is_ended_though_the_bot_lives(kennel: Kennel) -> None:
    """The bot hung up while it was being opened; its next watchdog knows nothing of it."""
    kennel.provider.gate = asyncio.Event()
    await kennel.ask(1, "s1")
    await eventually(lambda: kennel.provider.opened == 1)
    kennel.writer.close()
    await asyncio.sleep(0.02)
    kennel.provider.gate.set()
    await eventually(lambda: kennel.provider.end_attempts == ["room-1"])


async def test_what_cannot_be_ended_at_once_keeps_it_there(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch, ledger: SqliteLedger
) -> None:
    monkeypatch.setattr("bot.billing.closing.RETRY_MIN", 0.01)
    monkeypatch.setattr("bot.billing.closing.RETRY_MAX", 0.01)
    kennel.provider.failures = [ProviderDown("HTTP 503") for _ in range(3)]
    await kennel.opened("s1")
    kennel.heartbeat.stops()
    await kennel.goes()
    assert kennel.provider.end_attempts == ["room-s1"] * 4
    assert await ledger.unsettled() == []


async def test_a_bot_that_hung_up_and_lives_is_left_to_its_next_watchdog(kennel: Kennel) -> None:
    await kennel.opened("s1")
    kennel.writer.close()
    await kennel.goes()
    assert kennel.provider.end_attempts == []


async def test_another_run_of_the_bot_has_a_watchdog_of_its_own(kennel: Kennel) -> None:
    await kennel.opened("s1")
    kennel.heartbeat.sign = BotStatus(True, INSTANCE + 1)
    await kennel.goes()
    assert kennel.provider.end_attempts == []


async def test_a_bot_that_came_back_between_two_looks_keeps_its_sessions(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kennel.opened("s1")
    unsettled = kennel.ledger.unsettled

    async def and_it_is_back() -> Any:
        records = await unsettled()
        kennel.heartbeat.sign = BotStatus(True, INSTANCE)
        return records

    monkeypatch.setattr(kennel.ledger, "unsettled", and_it_is_back)
    kennel.heartbeat.stops()
    await eventually(lambda: kennel.heartbeat.sign.alive)
    await asyncio.sleep(0.02)
    assert kennel.provider.end_attempts == []


async def test_a_ledger_that_cannot_be_read_is_asked_again(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await kennel.opened("s1")
    unsettled, failures = kennel.ledger.unsettled, [LedgerError("disk"), LedgerError("disk")]

    async def at_last() -> Any:
        if failures:
            raise failures.pop()
        return await unsettled()

    monkeypatch.setattr(kennel.ledger, "unsettled", at_last)
    kennel.heartbeat.stops()
    await kennel.goes()
    assert kennel.provider.end_attempts == ["room-s1"]


async def test_an_operators_watchdog_stays(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was started by nobody's run, and waits for the next one."""
    monkeypatch.setattr(process, "POLL_INTERVAL", 0.005)
    kennel = Kennel(ledger, instance=None)
    await kennel.connect()
    await kennel.opened("s1")
    kennel.heartbeat.stops()
    await eventually(lambda: kennel.provider.end_attempts == ["room-s1"])
    await asyncio.sleep(0.05)
    assert not kennel.running.done()
    kennel.stop.set()
    await kennel.goes()
    kennel.writer.close()


def _asks_over_http(kennel: Kennel) -> None:
    """Its provider makes a request for each session, as a client over HTTP does."""
    plain = kennel.provider.open_session

    async def open_session(voicebot: str, participant: str) -> VoicebotSession:
        if (report := observer.get()) is not None:
            report(Exchange(method="POST", host="api.example", path=f"/session/{voicebot}"))
        return await plain(voicebot, participant)

    kennel.provider.open_session = open_session  # type: ignore[method-assign]


async def test_who_records_a_call_is_told_of_the_requests(kennel: Kennel) -> None:
    _asks_over_http(kennel)
    await kennel.ask(1, "s1", observed=True)
    opened = await kennel.answer()
    assert [exchange.method for exchange in opened.exchanges] == ["POST"]
    kennel.provider.failures = [ProviderDown("no answer")]
    await kennel.ask(2, "s2", observed=True)
    refused = await kennel.answer()
    assert isinstance(refused, NotOpened)
    assert [exchange.method for exchange in refused.exchanges] == ["POST"]


async def test_who_records_nothing_is_not(kennel: Kennel) -> None:
    _asks_over_http(kennel)
    await kennel.ask(1, "s1", observed=True)
    await kennel.answer()
    await kennel.ask(2, "s2")
    assert (await kennel.answer()).exchanges == ()
