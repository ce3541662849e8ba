"""Ends sessions by retrying until the provider confirms the end, since only that stops the billing.

Every step is recorded in the ledger, but ending a session does not depend on that: it also works with a failed disk.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot import clock
from bot.cancellation import StepCancelled, cancel_when
from bot.errors import (
    KeyRejected,
    LedgerError,
    NotAllowed,
    ParleyError,
    ProviderDown,
    ProviderError,
    RateLimited,
    WrongAddress,
)
from bot.provider import Account, Provider, SessionEnd

from .end_reason import EndReason
from .ledger import Ledger, SessionRecord, SessionState, billed_minutes

log = logging.getLogger(__name__)

RETRY_MIN, RETRY_MAX = 0.5, 30.0  # seconds
#: Seconds between two attempts to write down an end that the disk did not take.
REWRITE_INTERVAL = 5.0
#: Seconds a call waits for the end to be confirmed; after that people are told, and the closing goes on.
CONFIRM_TIMEOUT, CONFIRM_TIMEOUT_AT_SHUTDOWN = 15.0, 4.0
#: Seconds for which a provider must say that there is no such session before that is believed: right after the POST one
#: part of it may not know yet what another has opened. A session this young is asked for longer.
GONE_FOR, GONE_FOR_YOUNG, YOUNG = 10.0, 30.0, 60.0
#: The same for a key other than the one that opened the session, which may be another account's: no session is billed
#: for that long.
GONE_FOR_OTHER_KEY = 86_400.0
#: The provider does not let us end it with what the config says: only a change of that helps.
STUCK = (KeyRejected, NotAllowed, WrongAddress)


class SessionCloser:
    """Owns one task per session that is being ended. `enders_of` names who may end it, the likeliest first; it is asked
    anew for every attempt, so that a changed config takes effect."""

    def __init__(self, ledger: Ledger, enders_of: Callable[[SessionRecord], Sequence[Provider]]) -> None:
        self._ledger = ledger
        self._enders_of = enders_of
        self._unwritten: dict[str, asyncio.Task[None]] = {}  # by session id
        self._tasks: dict[str, asyncio.Task[SessionRecord]] = {}
        self._changed = asyncio.Event()

    def config_changed(self) -> None:
        """Try again at once what the old config may have made impossible."""
        self._changed.set()
        self._changed = asyncio.Event()

    def end(
        self, record: SessionRecord, reason: EndReason, by: int | None = None, seconds: float | None = None
    ) -> "asyncio.Task[SessionRecord]":
        """Begin to end a session that has a reference; the task returns its closed record. The same task every time.

        `seconds` is how long it was billed when the caller has a better clock than the ledger's times.
        """
        task = self._tasks.get(record.id)
        if task is None:
            task = asyncio.create_task(self._end(record, reason, by, seconds), name=f"end of session {record.id}")
            self._tasks[record.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(record.id, None))
        return task

    def is_ending(self, session_id: str) -> bool:
        """Return whether a session is being ended, or its end is still to be written down."""
        return session_id in self._tasks or session_id in self._unwritten

    async def stop(self) -> None:
        """Stop trying; the ledger knows what is left, for the watchdog and the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            log.error("%s: not confirmed yet; it may still be open and billed", task.get_name())
            task.cancel()
        writings = list(self._unwritten.values())
        for writing in writings:
            writing.cancel()
        await asyncio.gather(*tasks, *writings, return_exceptions=True)

    async def _end(
        self, record: SessionRecord, reason: EndReason, by: int | None, seconds: float | None
    ) -> SessionRecord:
        assert record.reference is not None
        began, asked_at = time.time(), clock.now()
        # The meter runs while the disk is slow: both at once.
        noted = asyncio.create_task(self._note(self._ledger.record_closing(record.id, began, reason, by)))
        wait = RETRY_MIN
        attempt = 0
        policy = _NotFoundPolicy(record, expected=reason is EndReason.ROOM_ENDED)
        try:
            while True:
                attempt += 1
                changed = self._changed  # before we ask: what is refused now may be put right meanwhile
                try:
                    end, ender = await self._delete_session(record, record.reference)
                    if not end.already_gone or policy.is_over(ender, clock.now(), time.time()):
                        break
                    pause = wait
                    log.info("session %s: the provider knows of no such session (attempt %d)", record.id, attempt)
                    await self._note(self._ledger.record_failure(record.id, policy.told(ender)))
                except ProviderError as error:
                    policy.on_lost_answer(error)
                    pause = _pause(error, wait)
                    self._complain(record, attempt, error)
                    await self._note(self._ledger.record_failure(record.id, str(error)))
                except ParleyError as error:  # the config names a provider that is not there
                    pause = wait
                    self._complain(record, attempt, error)
                except Exception:  # whatever the plugin does, the obligation stays
                    pause = wait
                    log.exception("session %s is still open and billed; ending it failed", record.id)
                wait = min(wait * 2, RETRY_MAX)
                await _pause_until(changed, pause)
        finally:
            await noted
        log.info("session %s ended%s", record.id, " (it was gone already)" if end.already_gone else "")
        closed_at = time.time()
        opened_at = record.opened_at or record.intended_at
        if end.already_gone and record.closing_at is not None and seconds is None:
            closed_at = record.closing_at  # somebody ended it then, and could not write it down
        billed = max(0.0, closed_at - opened_at) if seconds is None else seconds + clock.now() - asked_at
        minutes = billed_minutes(billed)
        if not await self._note(self._ledger.record_closed(record.id, closed_at, minutes, end.credits)):
            self._write_later(record, reason, by, (began, closed_at), minutes, end.credits)
        closed = replace(
            record,
            state=SessionState.CLOSED,
            closing_at=record.closing_at or began,
            closed_at=closed_at,
            reason=record.reason or reason,
            ended_by=record.ended_by if record.reason else by,
            billed_minutes=minutes,
            credits=end.credits,
            attempts=record.attempts + attempt,
        )
        try:  # somebody else may have ended it first, and known more
            written = await self._ledger.get(record.id)
        except LedgerError:
            return closed
        return closed if written is None or written.state is not SessionState.CLOSED else written

    async def _delete_session(self, record: SessionRecord, reference: str) -> tuple[SessionEnd, Account]:
        """Make one attempt with the account that pays and, if its key is no longer accepted, with the other accounts.
        Return the provider's answer and the account that got it."""
        enders = self._enders_of(record)
        try:
            return await enders[0].end_session(reference), enders[0].account
        except KeyRejected:
            for other in enders[1:]:
                log.warning("session %s: its key is no longer accepted, trying %s", record.id, other.account.key_name)
                end = await other.end_session(reference)
                if not end.already_gone:  # another account may not see the session, which bills all the same
                    return end, other.account
            raise

    def _write_later(
        self,
        record: SessionRecord,
        reason: EndReason,
        by: int | None,
        times: tuple[float, float],
        minutes: int,
        used: Decimal | None,
    ) -> None:
        """Retry recording the end, since the disk may recover. Until then the session counts as running and billed."""

        async def write() -> None:
            while True:
                await asyncio.sleep(REWRITE_INTERVAL)
                with contextlib.suppress(LedgerError):
                    await self._ledger.record_closing(record.id, times[0], reason, by)
                    await self._ledger.record_closed(record.id, times[1], minutes, used)
                    return

        task = asyncio.create_task(write(), name=f"record of session {record.id}")
        self._unwritten[record.id] = task
        task.add_done_callback(lambda _: self._unwritten.pop(record.id, None))

    def _complain(self, record: SessionRecord, attempt: int, error: ParleyError) -> None:
        stuck = isinstance(error, STUCK)
        log.log(
            logging.ERROR if stuck else logging.WARNING,
            "session %s is still open and billed; ending it failed (attempt %d): %s%s",
            record.id,
            attempt,
            error,
            f". Correct the config, or {record.account.key_name} and restart; I keep trying" if stuck else "",
        )

    @staticmethod
    async def _note(change: Coroutine[Any, Any, Any]) -> bool:
        try:
            await change
        except LedgerError as error:
            log.error("%s", error)
            return False
        return True


class _NotFoundPolicy:
    """Decides when a provider's answer that there is no such session is accepted as its end. `expected` means
    that the session has probably been ended already, so the first such answer is accepted."""

    def __init__(self, record: SessionRecord, *, expected: bool) -> None:
        self._record = record
        self._expected = expected or record.closing_at is not None  # somebody may have ended it, and could not say
        self._gone_since: float | None = None

    def on_lost_answer(self, error: ProviderError) -> None:
        """Remember that an attempt was made whose answer was lost: it may have ended the session."""
        self._expected = self._expected or isinstance(error, ProviderDown)

    def is_over(self, ender: Account, now: float, wall: float) -> bool:
        """Return whether the session is over, now that `ender` said once more that there is none. `now` is of a steady
        clock, `wall` in seconds since 1970."""
        if self._gone_since is None:
            self._gone_since = now
        if self._is_another_key(ender):
            needed = GONE_FOR_OTHER_KEY
        elif self._expected:
            return True
        else:
            young = 0 <= wall - (self._record.opened_at or self._record.intended_at) < YOUNG
            needed = GONE_FOR_YOUNG if young else GONE_FOR
        return now - self._gone_since >= needed

    def told(self, ender: Account) -> str:
        """Return what the ledger and the operator are told of it."""
        if self._is_another_key(ender):
            return f"404 to another key in {ender.key_name} than the one that opened it, which may be another account's"
        return "404: the provider knows no such session; asking again"

    def _is_another_key(self, ender: Account) -> bool:
        fingerprints = self._record.account.key_fingerprint, ender.key_fingerprint
        return None not in fingerprints and fingerprints[0] != fingerprints[1]


async def _pause_until(changed: asyncio.Event, seconds: float) -> None:
    """Wait until the next attempt is due, or the config has changed."""
    with contextlib.suppress(StepCancelled):
        await cancel_when(changed, asyncio.sleep(seconds))


def _pause(error: ProviderError, wait: float) -> float:
    """Seconds until the next attempt: what the provider asks for, else jittered back-off."""
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return min(error.retry_after, 2 * RETRY_MAX)
    return random.uniform(wait / 2, wait)


async def confirmed(closing: "asyncio.Task[SessionRecord]", *, hurry: bool) -> bool:
    """Wait until the end is confirmed, or for as long as a call waits for it; whether it is. The closing goes on in any
    case."""
    done, _ = await asyncio.wait({closing}, timeout=CONFIRM_TIMEOUT_AT_SHUTDOWN if hurry else CONFIRM_TIMEOUT)
    return bool(done)
