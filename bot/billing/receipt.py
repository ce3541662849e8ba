"""What a session was and what it cost, as people are told of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from .end_reason import EndReason
from .ledger import SessionRecord


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a session was and what it cost. Durations in seconds; `billed_minutes` is our own count, `credits` what the
    provider said."""

    call_id: str
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
        """Make the receipt of a closed session, or of one with an unknown outcome."""
        opened_at = record.opened_at or record.intended_at
        named = record.voicebot_name if record.voicebot_name != record.voicebot else None
        return cls(
            call_id=record.id,
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
