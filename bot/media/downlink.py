"""The voicebot to Discord: its tracks are mixed, encoded and sent, one frame per tick. Owns no clock.

Nothing is mixed or encoded while the voicebot is silent.
"""

from collections.abc import Callable
from typing import Protocol

from bot.bridge import Frame
from bot.bridge.activity import VoiceActivity
from bot.bridge.playout import is_silent
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


class Burst:
    """When the first sound of what the voicebot says came from the room, and when it was played. Times are in
    seconds."""

    def __init__(self) -> None:
        self.arrived = self.played = 0.0
        self._last_arrival = self._last_play = -BURST_GAP

    def on_arrival(self, now: float) -> None:
        """Note a frame with sound in it, from the room."""
        if now - self._last_arrival >= BURST_GAP:
            self.arrived = now
        self._last_arrival = now

    def on_play(self, now: float) -> None:
        """Note a frame that goes to Discord."""
        if now - self._last_play >= BURST_GAP:
            self.played = now
        self._last_play = now


class Downlink:
    """Carries what the voicebot says to people."""

    def __init__(self, tracks: TrackMixer, barge_in: BargeIn, on_speaking: Callable[[VoicebotSpeaking], None]) -> None:
        self.tracks = tracks
        self._barge_in = barge_in
        self._on_speaking = on_speaking
        self._activity = VoiceActivity()
        self._burst = Burst()

    def push(self, track: str, frame: Frame, now: float) -> None:
        """Take in a frame of one of the voicebot's tracks."""
        if not self._barge_in.holds_back(frame, now):
            if not is_silent(frame):
                self._burst.on_arrival(now)
            self.tracks.push(track, frame)

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
            self._burst.on_play(now)
        if (frame is not None or self._activity.speaking) and self._activity.update(frame, now):
            burst = self._burst
            self._on_speaking(VoicebotSpeaking(self._activity.speaking, now, burst.arrived, burst.played))
        if frame is not None:
            self._barge_in.on_voicebot_frame(frame)
            voice.send_frame(frame, tick)
        elif self.tracks.waiting:
            voice.send_lead_in(tick)
        else:
            voice.send_pause(tick)
        return frame
