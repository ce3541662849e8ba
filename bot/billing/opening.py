"""Opening a session, with a record on disk before the request and after its answer.

This code runs in the bot or in its watchdog. In the watchdog, the answer is read even if the bot is killed in the
middle of the request.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from bot.errors import BadAnswer, LedgerError, OutcomeUnknown, ProviderError
from bot.language import say
from bot.provider import Provider, VoicebotSession

from .closing import SessionCloser
from .end_reason import EndReason
from .ledger import Ledger, SessionRecord, SessionState

log = logging.getLogger(__name__)


class SessionOpener(Protocol):
    """Opens sessions for calls: the watchdog's client, or this process."""

    async def open(self, record: SessionRecord, participant: str) -> VoicebotSession:
        """Open a session; ProviderError, or LedgerError before anything was sent.

        A BadAnswer with a `reference` leaves the ending to the caller; everything else is settled.
        """
        ...


class RecordedOpener:
    """Opens sessions from this process."""

    def __init__(self, ledger: Ledger, closer: SessionCloser, provider_of: Callable[[SessionRecord], Provider]) -> None:
        self._ledger = ledger
        self._closer = closer
        self._provider_of = provider_of
        self._late: set[asyncio.Task[None]] = set()

    async def open(self, record: SessionRecord, participant: str) -> VoicebotSession:
        """Open a session with the provider, its record written before and after."""
        provider = self._provider_of(record)
        await self._ledger.record_intent(record)
        asked_at = time.time()
        asking = asyncio.create_task(provider.open_session(record.voicebot, participant))
        try:
            done, _ = await asyncio.wait({asking}, timeout=provider.answer_timeout)
        except asyncio.CancelledError:
            self._wait_for_late(record, asking, asked_at)
            raise
        if not done:
            self._wait_for_late(record, asking, asked_at)  # first: the disk may be dead by now
            try:
                await self._ledger.record_unknown(record.id, asked_at, "no answer to the POST yet")
            except LedgerError as error:
                log.error("%s", error)
            raise _no_answer(provider, record)
        return await self._settle(record, asking, asked_at)

    @property
    def waiting(self) -> bool:
        """Whether the answer to some request is still to come."""
        return bool(self._late)

    async def stop(self) -> None:
        """Stop waiting for late answers."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _settle(
        self, record: SessionRecord, asking: "asyncio.Task[VoicebotSession]", asked_at: float
    ) -> VoicebotSession:
        """Wait for the provider's answer and write down what it means."""
        try:
            session = asking.result()
        except ProviderError as error:
            if isinstance(error, BadAnswer) and error.reference is not None:
                await self._opened(record, error.reference, None, asked_at)
            elif error.may_have_opened:
                log.error("session %s may be open and billed, but has no reference to end it by: %s", record.id, error)
                await self._ledger.record_unknown(record.id, asked_at, str(error))
            else:
                await self._ledger.record_refused(record.id, time.time(), str(error))
            raise
        await self._opened(record, session.reference, session.voicebot_name, asked_at)
        return session

    async def _opened(self, record: SessionRecord, reference: str, name: str | None, at: float) -> None:
        """Record the open session; if that fails, end it at once, since nothing could end it after a crash."""
        try:
            await self._ledger.record_opened(record.id, reference, name, at)
        except LedgerError as error:
            log.error("session %s is ended at once: %s", record.id, error)
            await self._closer.end(named(record, reference, at), EndReason.NOT_STARTED)
            raise

    def _wait_for_late(self, record: SessionRecord, asking: "asyncio.Task[VoicebotSession]", asked_at: float) -> None:
        task = asyncio.create_task(self._end_late(record, asking, asked_at), name=f"late answer for {record.id}")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _end_late(self, record: SessionRecord, asking: "asyncio.Task[VoicebotSession]", asked_at: float) -> None:
        """Nobody wants the session any more; its answer is waited for only to end it."""
        try:
            await asyncio.wait({asking})
        except asyncio.CancelledError:
            asking.cancel()
            raise
        reference: str | None
        try:
            reference = (await self._settle(record, asking, asked_at)).reference
        except BadAnswer as error:
            reference = error.reference
        except ProviderError as error:
            log.warning("session %s: the late answer was %s", record.id, error)
            return
        except LedgerError as error:  # what was opened is ended already
            log.error("session %s: its late answer could not be written down: %s", record.id, error)
            return
        if reference is not None:
            await self._closer.end(named(record, reference, asked_at), EndReason.TOO_LATE)


def named(record: SessionRecord, reference: str, opened_at: float) -> SessionRecord:
    """Return what the ledger knows once the provider has named a session. `opened_at` is in seconds since 1970."""
    return replace(record, reference=reference, opened_at=opened_at, state=SessionState.OPEN)


def _no_answer(provider: Provider, record: SessionRecord) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"no answer to the POST of session {record.id} in {provider.answer_timeout:g} s",
        for_user=say(
            "{provider} does not answer. It may have opened a session all the same: I wait for its answer "
            "and end it then, and I did not try again. Wait a few minutes before you do.",
            provider=provider.title,
        ),
    )
