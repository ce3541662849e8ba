"""Gives the receipt of every billed session once, even for a session that ended while no bot was running."""

import asyncio
import logging
import time
from typing import Protocol

from bot.errors import LedgerError

from .ledger import Ledger, SessionRecord, SessionState
from .receipt import Receipt

log = logging.getLogger(__name__)

SWEEP_INTERVAL = 10.0  # seconds between two looks for sessions that somebody else ended
#: Seconds from one attempt to give a receipt to the next, at most, and from the end of its session to the last: a bot
#: that was timed out, or whose permissions were taken away, may be let in again.
MAX_PAUSE, GIVE_UP_AFTER = 600.0, 7 * 86_400.0
#: Attempts at least, also for a session that ended longer ago.
MIN_ATTEMPTS = 3
#: Receipts that are known to be given; the ledger knows of all whose note its disk took.
MAX_REMEMBERED = 1000

#: Seconds for the answer to a POST that nobody waits for any more; what came of it would make a better receipt.
LATE_ANSWER_TIMEOUT = 10.0


class ReceiptObserver(Protocol):
    """Receives the receipts of ended sessions; the plugin host implements it."""

    async def ended(self, receipt: Receipt) -> bool:
        """Tell everybody of a billed session that is over; False when somebody could not be told, and is to be told
        again."""
        ...

    def forget(self, call_id: str) -> None:
        """Keep nothing of a call any more: those who could not be told of its end will not be told again."""
        ...


class Receipts:
    """Gives each receipt once. The ledger says which are due; one is marked as given when the plugins have it."""

    def __init__(self, ledger: Ledger, observer: ReceiptObserver) -> None:
        self._ledger = ledger
        self._observer = observer
        self._attempts: dict[str, int] = {}
        self._not_before: dict[str, float] = {}  # by session id, `time.monotonic()`
        #: Receipts that were given, even if the ledger could not record it. A session may have two: one that says that
        #: its outcome is unknown, and one with the outcome.
        self._given: dict[tuple[str, SessionState], None] = {}  # the latest ones
        self._own: set[str] = set()  # of calls that are this process's
        self._unknown_since: dict[str, float] = {}  # by session id, `time.monotonic()`

    def expect(self, session_id: str) -> None:
        """Leave a session's receipt to the call of this process that will give it."""
        self._own.add(session_id)

    async def give(self, record: SessionRecord) -> None:
        """Give a receipt that is due."""
        due = record.id, record.state
        if due in self._given:
            await self._write(record.id)
            return
        recovered = record.id not in self._own or record.id in self._attempts
        complete = await self._observer.ended(Receipt.of(record, recovered=recovered))
        attempts = self._attempts[record.id] = self._attempts.get(record.id, 0) + 1
        recent = time.time() - (record.closed_at or record.intended_at) < GIVE_UP_AFTER
        if not complete and (recent or attempts < MIN_ATTEMPTS):
            pause = min(MAX_PAUSE, SWEEP_INTERVAL * 2.0 ** min(attempts - 1, 10))
            self._not_before[record.id] = time.monotonic() + pause - SWEEP_INTERVAL / 2
            return
        self._not_before.pop(record.id, None)
        if not complete:
            log.error("the receipt of session %s could not be posted", record.id)
            self._observer.forget(record.id)
        self._given[due] = None
        if len(self._given) > MAX_REMEMBERED:
            del self._given[next(iter(self._given))]
        self._attempts.pop(record.id, None)
        await self._write(record.id)

    async def _write(self, session_id: str) -> None:
        """Record that a receipt was given. If that fails, the next sweep tries again."""
        try:
            await self._ledger.record_announced(session_id, time.time())
        except LedgerError as error:
            log.error("%s", error)

    def release(self, session_id: str) -> None:
        """Give a session's receipt from here on, since its call is gone."""
        self._own.discard(session_id)

    async def sweep(self) -> None:
        """Give what is due, again and again: sessions of a bot that died, ended by the watchdog or the operator."""
        while True:
            try:
                for record in await self._ledger.unannounced():
                    if record.id not in self._own and not self._may_be_named_yet(record) and self._is_time(record):
                        await self._give_safely(record)
            except LedgerError as error:
                log.error("%s", error)
            await asyncio.sleep(SWEEP_INTERVAL)

    async def _give_safely(self, record: SessionRecord) -> None:
        """Give a receipt, so that an error in it does not keep other sessions from theirs."""
        try:
            await self.give(record)
        except LedgerError:
            raise
        except Exception:
            log.exception("the receipt of session %s could not be given", record.id)
            self._not_before[record.id] = time.monotonic() + MAX_PAUSE

    def _is_time(self, record: SessionRecord) -> bool:
        return time.monotonic() >= self._not_before.get(record.id, 0.0)

    def _may_be_named_yet(self, record: SessionRecord) -> bool:
        """Whether an outcome is unknown only since a moment ago, as far as this process has seen."""
        if record.state is not SessionState.UNKNOWN:
            self._unknown_since.pop(record.id, None)
            return False
        since = self._unknown_since.setdefault(record.id, time.monotonic())
        return time.monotonic() - since < LATE_ANSWER_TIMEOUT
