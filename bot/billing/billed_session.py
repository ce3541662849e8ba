"""The session of one call: opens it once, counts its time, and makes sure that it ends even without the call."""

import asyncio
import contextlib
import time
from dataclasses import replace

from bot import clock
from bot.errors import BadAnswer, ParleyError, ProviderError
from bot.provider import VoicebotSession

from .closing import SessionCloser
from .end_reason import EndReason
from .ledger import SessionRecord, SessionState, billed_minutes
from .opening import SessionOpener

#: Seconds; a process that is told to go has ten, and other things to do in them.
SHUTDOWN_TIMEOUT = 1.0


class BilledSession:
    """The session of one call: opened, counted and ended. `session` is set while there is something to end."""

    def __init__(self, record: SessionRecord, opener: SessionOpener, closer: SessionCloser) -> None:
        self.record = record
        self.session: VoicebotSession | None = None
        self._opener = opener
        self._closer = closer
        self._opened_at: float | None = None
        self._closed_at: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds the session has been billed for so far."""
        if self._opened_at is None:
            return 0.0
        return (self._closed_at or clock.now()) - self._opened_at

    @property
    def minutes(self) -> int:
        """The billed minutes by our own count; 0 when nothing was opened."""
        return 0 if self._opened_at is None else billed_minutes(self.elapsed)

    async def open(self, participant: str) -> VoicebotSession:
        """Open the session. It can only be ended with the reference in the provider's answer, so a cancellation waits
        up to `SHUTDOWN_TIMEOUT` for that; after it, the watchdog or the next start must end the session."""
        asked_at = clock.now()
        self.record = replace(self.record, intended_at=time.time())  # the call may have been asked for long before
        opening = asyncio.create_task(self._opener.open(self.record, participant))
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening}, timeout=SHUTDOWN_TIMEOUT)
            opening.cancel()
            with contextlib.suppress(ParleyError, asyncio.CancelledError):
                self._opened(await opening, asked_at)
            raise
        except ProviderError as error:
            if error.may_have_opened:
                self._opened_at = asked_at
            if isinstance(error, BadAnswer) and error.reference is not None:
                self._opened(VoicebotSession(error.reference, "", ""), asked_at)
            raise
        self._opened(session, asked_at)
        return session

    def end(self, reason: EndReason, by: int | None) -> "asyncio.Task[SessionRecord] | None":
        """Begin to end the session; None when there is nothing to end. The task goes on without the call."""
        if self.session is None:
            return None
        closing = self._closer.end(self.record, reason, by, self.elapsed)
        closing.add_done_callback(lambda _: self._stand_still())
        return closing

    def _opened(self, session: VoicebotSession, at: float) -> None:
        self.session = session
        self._opened_at = at
        self.record = replace(
            self.record,
            state=SessionState.OPEN,
            reference=session.reference,
            voicebot_name=self.record.voicebot_name or session.voicebot_name,
        )

    def _stand_still(self) -> None:
        self._closed_at = clock.now()
