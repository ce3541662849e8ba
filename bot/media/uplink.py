"""People to the voicebot's room: one speaker per person, mixed into one frame per tick. Owns no clock, does no I/O.

Nothing is decoded or mixed for those who are silent.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.mixer import Mixer
from bot.bridge.outflow import Outflow
from bot.bridge.speaker import Speaker
from bot.voice.opus import Decoder
from bot.voice.receive import OpusPacket

from .counters import ClosedTotals
from .events import SpeakingChanged
from .settings import SoundSettings

#: Seconds of silence sent into the room after the last word, in which the voicebot notices that the turn is over.
#: After that the SDK's own comfort noise keeps the track alive at no cost to us.
TAIL_SECONDS = 1.5
_SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


class Room(Protocol):
    """Where people's voices go: the voicebot's room, or the echo."""

    @property
    def held(self) -> float:
        """Seconds of sound that wait to be sent."""

    def feed(self, frame: Frame) -> None:
        """Send 20 ms of sound."""


class Uplink:
    """Carries what people say to the voicebot."""

    def __init__(
        self, settings: SoundSettings, totals: ClosedTotals, on_speaking: Callable[[SpeakingChanged], None]
    ) -> None:
        self.speakers: dict[int, Speaker] = {}  # by user id
        #: What each person said in this tick, before anything made it louder or softer.
        self.spoken: dict[int, Frame] = {}
        self._settings = settings
        self._totals = totals
        self._on_speaking = on_speaking
        self._leaving: list[Speaker] = []  # whose last word is still to fade out
        self._mixer = Mixer()
        self._outflow = Outflow()
        self._last_sound: float | None = None
        self._held = 0.0  # seconds of sound that the room held back of late

    def push(self, packet: OpusPacket, now: float) -> None:
        """Take in a packet of somebody's; `now` is the time of its arrival."""
        speaker = self.speakers.get(packet.user_id)
        if speaker is None:
            settings = self._settings
            speaker = self.speakers[packet.user_id] = Speaker(
                Decoder(),
                least=settings.jitter_buffer,
                most=settings.jitter_buffer_max,
                balance=settings.level_balance,
            )
        speaker.push(packet.ssrc, packet.timestamp, packet.payload, now)

    def remove(self, user_id: int, now: float) -> None:
        """Forget somebody who has left or is not to be heard any more; their last word fades out."""
        speaker = self.speakers.pop(user_id, None)
        if speaker is None:
            return
        self._totals.add_speaker(user_id, speaker)
        self._leaving.append(speaker)
        if speaker.activity.speaking:
            self._on_speaking(SpeakingChanged(user_id, False, now, speaker.delay + self._held))

    def is_anyone_speaking(self, *, besides: Collection[int]) -> bool:
        """Return whether anybody speaks who is not among the user ids in `besides`."""
        return any(s.activity.speaking for user_id, s in self.speakers.items() if user_id not in besides)

    def mix(self, now: float) -> Frame | None:
        """Return what people say in this tick, mixed, and None when nobody speaks; `spoken` says it one by one."""
        frames = list(self._next_frames(now))
        frames += [frame for speaker in self._leaving if (frame := speaker.last_frame(now)) is not None]
        self._leaving.clear()
        return self._mixer.mix(frames) if frames else None

    def feed(self, room: Room, mixed: Frame | None, now: float) -> None:
        """Send what people said in this tick into the room, and silence for a while after the last word."""
        if mixed is None and self._last_sound is None:
            return
        if mixed is not None:
            self._last_sound = now
        elif self._last_sound is not None and now - self._last_sound > TAIL_SECONDS:
            self._last_sound = None
        self._held = room.held
        room.feed(self._outflow.fit(_SILENCE if mixed is None else mixed, self._held))

    def _next_frames(self, now: float) -> Iterator[Frame]:
        """Yield the frames to mix, and report who has started or stopped speaking."""
        self.spoken.clear()
        talking = sum(speaker.activity.speaking for speaker in self.speakers.values())
        for user_id, speaker in self.speakers.items():
            before = speaker.activity.speaking
            frame = speaker.next_frame(now, alone=talking - before == 0)
            if frame is not None and speaker.heard is not None:
                self.spoken[user_id] = speaker.heard
                yield frame
            if speaker.activity.speaking != before:
                self._on_speaking(SpeakingChanged(user_id, not before, now, speaker.delay + self._held))
