"""What a call tells its plugins."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from bot.provider import Role, ShownImage

from .ledger import SessionRecord
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
    late: bool = False  # missed live, and found in the provider's own transcript after the call


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a session was and what it cost. Durations in seconds; `billed_minutes` is our own count, `credits` what the
    provider said."""

    session_id: str
    guild_id: int
    voice_channel_id: int
    text_channel_id: int
    starter_id: int
    voicebot: str
    voicebot_name: str
    reason: EndReason | None  # None when the provider never said whether the session was opened
    ended_by: int | None
    started_at: datetime
    duration: float
    billed_minutes: int
    credits: Decimal | None
    #: The call was not this process's own: its receipt may have been posted before a crash.
    recovered: bool = False

    @classmethod
    def of(cls, record: SessionRecord, *, recovered: bool) -> "Receipt":
        """The receipt of a closed session, or of one with an unknown outcome."""
        opened_at = record.opened_at or record.intended_at
        named = record.voicebot_name if record.voicebot_name != record.voicebot else None
        return cls(
            session_id=record.id,
            guild_id=record.guild_id,
            voice_channel_id=record.voice_channel_id,
            text_channel_id=record.text_channel_id,
            starter_id=record.starter_id,
            voicebot=record.voicebot,
            voicebot_name=named or "Voicebot",
            reason=record.reason,
            ended_by=record.ended_by,
            started_at=datetime.fromtimestamp(opened_at, UTC),
            duration=max(0.0, (record.closed_at or opened_at) - opened_at),
            billed_minutes=record.billed_minutes or 0,
            credits=record.credits,
            recovered=recovered,
        )


class CallObserver(Protocol):
    """Who is told about calls: the plugin host. All but `starting` return at once."""

    async def starting(self, call: "Call") -> None:
        """Before anything is opened; Refused vetoes the call."""
        ...

    def started(self, call: "Call") -> None: ...
    def moved(self, call: "Call") -> None: ...
    def handed_over(self, call: "Call", before: int) -> None: ...
    def transcript(self, call: "Call", line: TranscriptLine) -> None: ...
    def image(self, call: "Call", image: ShownImage) -> None: ...
    def speaking(self, call: "Call", user_id: int, speaking: bool) -> None: ...
    def agent_state(self, call: "Call", state: str) -> None: ...
    def warning(self, call: "Call", text: str) -> None: ...
    def notice(self, call: "Call", text: str) -> None: ...

    async def finished(self, call: "Call") -> None:
        """The call is over, whether it ever became live or not: deliver what is left of the above."""
        ...

    async def ended(self, receipt: Receipt) -> bool:
        """A billed session is over. False when somebody could not be told, who is to be told again."""
        ...
