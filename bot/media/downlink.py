"""The voicebot to Discord: its tracks are mixed, encoded and sent, one frame per tick. Owns no clock.

Nothing is mixed or encoded while the voicebot is silent.
"""

from collections.abc import Callable
from typing import Protocol

from bot.bridge import Frame
from bot.bridge.activity import VoiceActivity
from bot.bridge.track_mixer import TrackMixer

from .barge_in import BargeIn
from .events import VoicebotSpeaking

#: Seconds without sound that separate one thing said from the next.
BURST_GAP = 0.3


class Voice(Protocol):
    """Where the voicebot's voice goes: the voice session with Discord."""

    def send_frame(self, frame: Frame, tick: int) -> None:
        """Send 20 ms of sound."""

    def send_lead_in(self, tick: int) -> None:
        """Send the silence before a word."""

    def send_pause(self, tick: int) -> None:
        """Send what follows the last word."""


class Onset:
    """When the first sound of what the voicebot says passed a place. Times are in seconds."""

    def __init__(self) -> None:
        self.at = 0.0
        self._last = -BURST_GAP

    def note(self, now: float) -> None:
        """Note that sound passes at a time."""
        if now - self._last >= BURST_GAP:
            self.at = now
        self._last = now


class Downlink:
    """Carries what the voicebot says to people."""

    def __init__(self, tracks: TrackMixer, barge_in: BargeIn, on_speaking: Callable[[VoicebotSpeaking], None]) -> None:
        self.tracks = tracks
        self._barge_in = barge_in
        self._on_speaking = on_speaking
        self._activity = VoiceActivity()
        self._arrived, self._played = Onset(), Onset()

    def push(self, track: str, frame: Frame, now: float) -> None:
        """Take in a frame of one of the voicebot's tracks."""
        if not self._barge_in.holds_back(frame, now) and self.tracks.push(track, frame):
            self._arrived.note(now)

    def carry(self, voice: Voice | None, tick: int, now: float) -> Frame | None:
        """Send what the voicebot says in this tick; the frame, None when it says nothing.

        Without a voice session, while one is being replaced, what it says is dropped, so that it is not played late
        when the new session is open.
        """
        if voice is None:
            self.tracks.clear()
            return None
        frame = self.tracks.pop()
        if frame is not None:
            self._played.note(now)
        if (frame is not None or self._activity.speaking) and self._activity.update(frame, now):
            event = VoicebotSpeaking(self._activity.speaking, now, self._arrived.at, self._played.at)
            self._on_speaking(event)
        if frame is not None:
            self._barge_in.on_voicebot_frame(frame)
            voice.send_frame(frame, tick)
        elif self.tracks.waiting:
            voice.send_lead_in(tick)
        else:
            voice.send_pause(tick)
        return frame
