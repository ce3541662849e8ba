"""Who takes part in a call: who is heard, who speaks, and whether the voicebot is there. Pure.

Times are seconds of any monotonic clock, and arguments.
"""

from bot.media.consent import Consent

from .presence import Presence


class Participants:
    """The people in the voice channel and the voicebot in its room, as far as a call must know them."""

    def __init__(self, consent: Consent) -> None:
        self.consent = consent
        #: Whether the voicebot is in its room.
        self.voicebot_there = False
        #: Whether it has said anything in this call.
        self.voicebot_spoke = False
        #: How many people there are.
        self.presence = Presence()
        self._speaking: set[int] = set()  # user ids
        self._heard_at: float | None = None

    def on_speaking(self, user_id: int, speaking: bool, now: float) -> None:
        """Note that somebody began to speak, or stopped."""
        self._heard_at = now
        (self._speaking.add if speaking else self._speaking.discard)(user_id)

    def since_heard(self, now: float) -> float | None:
        """Return the seconds since somebody was heard; 0 while they speak, None for never."""
        if self._speaking:
            return 0.0
        return None if self._heard_at is None else now - self._heard_at
