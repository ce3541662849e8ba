"""Barge-in: who may interrupt the voicebot, and what of its words is dropped when they do. Pure."""

from collections.abc import Callable, Collection, Mapping

from bot.bridge import Frame
from bot.bridge.interruption import Interruption
from bot.bridge.playout import is_silent
from bot.bridge.track_mixer import TrackMixer

from .consent import Consent

SPEAKING = "speaking"  # of livekit-agents' `lk.agent.state`


class BargeIn:
    """Decides at each tick whether somebody interrupts the voicebot."""

    def __init__(self, tracks: TrackMixer, allowed: Collection[int] | None, consent: Consent) -> None:
        """`tracks` holds the voicebot's words; `allowed` are the user ids of those who may interrupt, None is all but
        other bots, which `consent` knows."""
        self.allowed = allowed
        self._consent = consent
        self._tracks = tracks
        self._interruption = Interruption()
        self._agent_state = ""

    @property
    def count(self) -> int:
        """How many interruptions there were so far."""
        return self._interruption.count

    def update(self, spoken: Mapping[int, Frame], now: float) -> None:
        """Take in what people said in this tick, by user id, before it was made louder, since an amplified echo is not
        recognised as an echo. When somebody interrupts the voicebot, its waiting words are dropped."""
        for user_id, frame in spoken.items():
            heeded = self._can_be_interrupted(now) and self._may_interrupt(user_id)
            if heeded and self._interruption.on_person_frame(user_id, frame, now):
                self._tracks.clear()
        if not self._can_be_interrupted(now):
            self._interruption.reset()

    def on_voicebot_frame(self, frame: Frame) -> None:
        """Take in what people hear of the voicebot at this tick."""
        self._interruption.on_voicebot_frame(frame)

    def holds_back(self, frame: Frame, now: float) -> bool:
        """Whether a frame that has come from the voicebot is not for anybody's ears: it is said into an interruption
        that the voicebot has not noticed yet."""
        if not self._interruption.is_holding_back(now):
            return False
        self._interruption.on_held_frame(is_silent(frame), now)
        return True

    def on_agent_state(self, state: str, is_anyone_speaking: Callable[[], bool]) -> None:
        """Take in the voicebot's own state. One that stops because somebody speaks has nothing more to say, whatever
        is still held of it."""
        if self._agent_state == SPEAKING and state != SPEAKING and is_anyone_speaking():
            self._tracks.hurry()
        self._agent_state = state

    def remove(self, user_id: int) -> None:
        """Forget somebody who is no longer in the channel."""
        self._interruption.remove(user_id)

    def _can_be_interrupted(self, now: float) -> bool:
        return self._tracks.playing or self._interruption.is_holding_back(now)

    def _may_interrupt(self, user_id: int) -> bool:
        return (self.allowed is None or user_id in self.allowed) and user_id not in self._consent.bots
