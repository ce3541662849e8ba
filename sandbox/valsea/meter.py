"""What a session costs: the first minute when it is opened, every further begun minute when it is ended.

Pure; times are seconds of any steady clock. Source: https://valsea.ai/docs/api/voicebot-livekit ("creating charges the
first billable minute"; the rounding is not documented, so it is the provider-friendly one).
"""

import math
from dataclasses import dataclass, field
from decimal import Decimal

CREDITS_PER_MINUTE = Decimal("1")


class NotEnoughCredits(Exception):
    """The organisation cannot pay for a first minute."""


@dataclass(slots=True)
class Meter:
    """One session's bill."""

    opened_at: float
    closed_at: float | None = None
    charged: Decimal = CREDITS_PER_MINUTE

    @property
    def running(self) -> bool:
        return self.closed_at is None

    def minutes(self, now: float) -> int:
        """Billable minutes so far."""
        end = now if self.closed_at is None else self.closed_at
        return max(1, math.ceil((end - self.opened_at) / 60))


@dataclass(slots=True)
class Organisation:
    """Who pays. `meters` are all sessions ever opened, by room name."""

    name: str
    credits: Decimal = Decimal(1000)
    meters: dict[str, Meter] = field(default_factory=dict)

    def open(self, room: str, now: float) -> Meter:
        """Charge the first minute; NotEnoughCredits."""
        if self.credits < CREDITS_PER_MINUTE:
            raise NotEnoughCredits
        self.credits -= CREDITS_PER_MINUTE
        meter = self.meters[room] = Meter(now)
        return meter

    def close(self, room: str, now: float) -> Decimal:
        """Charge the rest and stop the meter; what the whole session cost. A second time changes nothing."""
        meter = self.meters[room]
        if meter.running:
            meter.closed_at = now
            total = CREDITS_PER_MINUTE * meter.minutes(now)
            self.credits -= total - meter.charged
            meter.charged = total
        return meter.charged

    def running(self) -> list[str]:
        """Rooms that are being billed right now."""
        return [room for room, meter in self.meters.items() if meter.running]
