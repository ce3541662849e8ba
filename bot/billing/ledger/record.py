"""One record per session, written before the request that may cost money, and what any storage must offer.

    intent --> open --> closing --> closed
       |  \\--> unknown --^             ^
       \\------------------------------/   refused: nothing was opened

`intent` is on disk before the POST. `unknown` is a POST without an answer: it is never repeated, and it moves on only
when an answer with a name comes late. From `open` on there is an obligation to end the session, until `closed`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.billing.end_reason import EndReason
from bot.provider import Account


class SessionState(StrEnum):
    """How far a session has come."""

    INTENT = "intent"
    OPEN = "open"
    UNKNOWN = "unknown"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the ledger knows it. Times are seconds since 1970, since they must survive a restart."""

    id: str
    provider: str
    account: Account
    guild_id: int
    voice_channel_id: int
    text_channel_id: int
    starter_id: int
    voicebot: str
    intended_at: float
    state: SessionState = SessionState.INTENT
    reference: str | None = None  # what ends it at the provider
    voicebot_name: str | None = None
    opened_at: float | None = None
    closing_at: float | None = None
    closed_at: float | None = None
    reason: EndReason | None = None
    ended_by: int | None = None  # user id
    billed_minutes: int | None = None  # our own count
    credits: Decimal | None = None  # what the provider said
    attempts: int = 0  # to end it
    last_error: str | None = None
    announced_at: float | None = None  # when its receipt was given to the plugins

    @property
    def must_be_ended(self) -> bool:
        """Whether it is a session with a reference that may still be billing."""
        return self.reference is not None and self.state is not SessionState.CLOSED


class Ledger(Protocol):
    """The storage of session records. Every method may raise LedgerError. All changes are safe on disk when they
    return, are made in one step, and say whether they applied: two processes may see the same session end."""

    async def record_intent(self, record: SessionRecord) -> None:
        """Record that a session is about to be asked for."""
        ...

    async def record_opened(self, session_id: str, reference: str, voicebot_name: str | None, at: float) -> bool:
        """Record that the provider has opened it, under this reference."""
        ...

    async def record_refused(self, session_id: str, at: float, error: str) -> bool:
        """Record that the provider refused it: nothing is billed."""
        ...

    async def record_unknown(self, session_id: str, at: float, error: str) -> bool:
        """Record that there was no answer: it may be open and billed."""
        ...

    async def record_closing(self, session_id: str, at: float, reason: EndReason, ended_by: int | None) -> bool:
        """Record that the session is to be ended; the first reason stands."""
        ...

    async def record_failure(self, session_id: str, error: str) -> None:
        """Record that one more attempt to end it has failed."""
        ...

    async def record_closed(self, session_id: str, at: float, minutes: int, used: Decimal | None) -> bool:
        """Record that the provider has confirmed its end."""
        ...

    async def record_announced(self, session_id: str, at: float) -> bool:
        """Record that its receipt was given to people."""
        ...

    async def get(self, session_id: str) -> SessionRecord | None:
        """Return the record with this id; None when there is none."""
        ...

    async def unsettled(self) -> Sequence[SessionRecord]:
        """Return all that are not closed, oldest first."""
        ...

    async def unannounced(self) -> Sequence[SessionRecord]:
        """Return those that are closed or of unknown outcome, have billed something and are not announced yet, oldest
        first."""
        ...

    async def between(self, start: float, end: float, guild_id: int | None = None) -> Sequence[SessionRecord]:
        """Return all that were opened in a time, oldest first."""
        ...

    async def close(self) -> None:
        """Close the storage after all else is done."""
        ...


def billed_minutes(seconds: float) -> int:
    """Return the billed minutes by our own count: every begun minute, the first one at once."""
    return max(1, math.ceil(seconds / 60))
