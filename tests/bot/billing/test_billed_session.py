"""One call's session: when it counts, what is ended, and what a cancellation leaves."""

import asyncio
from typing import Any, cast

import pytest

from bot.billing import billed_session
from bot.billing.billed_session import BilledSession
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord, SessionState
from bot.errors import BadAnswer, OutcomeUnknown, ProviderDown
from bot.provider import VoicebotSession
from tests.bot.billing.records import record
from tests.bot.conftest import SteadyClock

SESSION = VoicebotSession("room-1", "wss://livekit", "token", voicebot_name="Guide")


class Desk:
    """A session, who opens it, and who ends it."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.gate: asyncio.Event | None = None
        self.asked: list[SessionRecord] = []
        self.ended: list[tuple[SessionRecord, EndReason, float]] = []
        self.confirmed = asyncio.Event()
        self.session = BilledSession(record(), cast(Any, self), cast(Any, self))

    async def open(self, wanted: SessionRecord, participant: str) -> VoicebotSession:
        self.asked.append(wanted)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return SESSION

    def end(
        self, closing: SessionRecord, reason: EndReason, by: int | None, seconds: float
    ) -> "asyncio.Task[SessionRecord]":
        async def confirm() -> SessionRecord:
            await self.confirmed.wait()
            return closing

        self.ended.append((closing, reason, seconds))
        return asyncio.create_task(confirm())


async def test_every_begun_minute_counts_from_the_request_to_the_confirmed_end(steady: SteadyClock) -> None:
    desk = Desk()
    assert (desk.session.minutes, desk.session.elapsed) == (0, 0.0)
    await desk.session.open("Ann")
    assert desk.session.minutes == 1
    steady.at += 61
    assert (desk.session.minutes, desk.session.elapsed) == (2, 61.0)
    closing = desk.session.end(EndReason.LEFT, None)
    assert closing is not None
    steady.at += 60
    assert desk.session.minutes == 3
    desk.confirmed.set()
    await closing
    await asyncio.sleep(0)
    steady.at += 600
    assert (desk.session.minutes, desk.session.elapsed) == (3, 121.0)


async def test_what_is_ended_is_what_was_opened(steady: SteadyClock) -> None:
    desk = Desk()
    await desk.session.open("Ann")
    steady.at += 10
    desk.session.end(EndReason.MOVED, 7)
    ((closing, reason, seconds),) = desk.ended
    assert (closing.state, closing.reference, closing.voicebot_name) == (SessionState.OPEN, "room-1", "Guide")
    assert (reason, seconds) == (EndReason.MOVED, 10.0)


async def test_what_was_not_opened_is_not_ended() -> None:
    desk = Desk(ProviderDown("HTTP 503"))
    with pytest.raises(ProviderDown):
        await desk.session.open("Ann")
    assert desk.session.end(EndReason.NOT_STARTED, None) is None
    assert desk.session.minutes == 0


async def test_what_may_have_been_opened_is_counted() -> None:
    desk = Desk(OutcomeUnknown("no answer"))
    with pytest.raises(OutcomeUnknown):
        await desk.session.open("Ann")
    assert desk.session.end(EndReason.NOT_STARTED, None) is None
    assert desk.session.minutes == 1


async def test_an_answer_that_only_names_the_room_is_enough_to_end_it() -> None:
    desk = Desk(BadAnswer("no token", reference="room-9"))
    with pytest.raises(BadAnswer):
        await desk.session.open("Ann")
    assert desk.session.end(EndReason.NOT_STARTED, None) is not None
    assert desk.ended[0][0].reference == "room-9"


async def test_a_cancellation_waits_for_the_answer_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.gate = asyncio.Event()
    opening = asyncio.create_task(desk.session.open("Ann"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.sleep(0)
    desk.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert desk.session.end(EndReason.SHUTDOWN, None) is not None


async def test_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens it, the watchdog or the next start, ends it then."""
    monkeypatch.setattr(billed_session, "SHUTDOWN_TIMEOUT", 0.01)
    desk = Desk()
    desk.gate = asyncio.Event()
    opening = asyncio.create_task(desk.session.open("Ann"))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert desk.session.end(EndReason.SHUTDOWN, None) is None
