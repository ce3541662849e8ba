"""How many sessions a bot may start within a day. Pure.

Source: https://discord.com/developers/docs/events/gateway#session-start-limit-object
"""

from dataclasses import dataclass, field
from typing import Any

DAY = 24 * 3600.0  # seconds


@dataclass(slots=True)
class SessionStarts:
    """Counts the IDENTIFYs of each bot, by its user id; `now` is any clock in seconds."""

    total: int = 1000
    _begun: dict[int, list[float]] = field(default_factory=dict)

    def begin(self, user_id: int, now: float) -> bool:
        """Count one; whether it was still within the limit. Discord resets the token of a bot that goes beyond."""
        begun = self._within_a_day(user_id, now)
        begun.append(now)
        return len(begun) <= self.total

    def limit(self, user_id: int, now: float) -> dict[str, Any]:
        """The session start limit object, as `/gateway/bot` shows it."""
        begun = self._within_a_day(user_id, now)
        left = begun[0] + DAY - now if begun else 0.0
        remaining = max(self.total - len(begun), 0)
        return {"total": self.total, "remaining": remaining, "reset_after": int(left * 1000), "max_concurrency": 1}

    def _within_a_day(self, user_id: int, now: float) -> list[float]:
        begun = self._begun.setdefault(user_id, [])
        while begun and now - begun[0] >= DAY:
            del begun[0]
        return begun
