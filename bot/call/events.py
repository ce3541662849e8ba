"""What a call tells its plugins."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from bot.provider import Role, ShownImage

from .state import EndReason

if TYPE_CHECKING:
    from .call import Call


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """Something said. `speakers` are user ids, longest speaker first; more than one means it may be any of them."""

    role: Role
    text: str
    final: bool
    speakers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a call went and what it cost. Durations in seconds; `billed_minutes` is our own count, 0 when nothing was
    opened, and `credits` what the provider said."""

    reason: EndReason
    ended_by: int | None
    started_at: datetime
    duration: float
    billed_minutes: int
    credits: Decimal | None
    confirmed: bool  # the provider confirmed the end of the session


class CallObserver(Protocol):
    """Who is told about calls: the plugin host. All but `starting` return at once."""

    async def starting(self, call: "Call") -> None:
        """Before anything is opened; Refused vetoes the call."""
        ...

    def started(self, call: "Call") -> None: ...
    def transcript(self, call: "Call", line: TranscriptLine) -> None: ...
    def image(self, call: "Call", image: ShownImage) -> None: ...
    def speaking(self, call: "Call", user_id: int, speaking: bool) -> None: ...
    def agent_state(self, call: "Call", state: str) -> None: ...
    def warning(self, call: "Call", text: str) -> None: ...

    async def ended(self, call: "Call", receipt: Receipt) -> None:
        """Exactly once per call that was started; after all of the above were delivered."""
        ...

    async def forget(self, call: "Call") -> None:
        """Instead of `ended`, for a call that never became live."""
        ...
