"""Whether someone is speaking, from the level of the decoded sound above their room's noise, with hysteresis."""

import numpy as np

from . import Frame

#: Full scale is 32768: -42 dB, above breath and hum, below a quiet voice.
SPEECH_LEVEL = 260.0
#: How far above the noise of their own room (a fan, a street at an open microphone) a voice is: 9 dB. Above the second
#: level it is a voice whatever the room does: -27 dB, louder than any fan, and than many headsets.
ABOVE_NOISE, SURELY_SPEECH = 2.8, 1500.0
#: Frames over which the noise is judged, and how many of them are as quiet: 1.5 s of speech hold that many pauses.
NOISE_FRAMES, PAUSES = 75, 10
FRAMES_TO_START = 2
#: Seconds below the level that end speech; words have gaps.
HANGOVER = 0.3


def rms(frame: Frame) -> float:
    """The root mean square of a frame, 0 to 32768."""
    samples = frame.astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / max(len(samples), 1)))


class NoiseFloor:
    """How loud somebody's line is when they say nothing: what the quietest moments of the last seconds have.

    Zero until the first 3 s were heard: who is new is taken to speak.
    """

    def __init__(self) -> None:
        self.level = 0.0  # root mean square
        self._levels: list[float] = []
        self._last = 0.0

    def update(self, level: float) -> None:
        """The level of one more frame that came."""
        self._levels.append(level)
        if len(self._levels) == NOISE_FRAMES:
            now = sorted(self._levels)[PAUSES - 1]
            self.level, self._last = min(self._last, now), now
            self._levels.clear()


class VoiceActivity:
    """One speaker's state; `speaking` changes only in `update`."""

    def __init__(self) -> None:
        self.speaking = False
        self.level = 0.0
        self.loud = False  # whether this frame is as loud as speech
        self._noise = NoiseFloor()
        self._loud = 0
        self._last_loud = 0.0

    def update(self, frame: Frame | None, now: float) -> bool:
        """Take in the frame of this tick, None for silence; whether `speaking` changed."""
        self.level = 0.0 if frame is None else rms(frame)
        if frame is not None:
            self._noise.update(self.level)
        self.loud = self.level >= min(max(SPEECH_LEVEL, ABOVE_NOISE * self._noise.level), SURELY_SPEECH)
        if self.loud:
            self._loud += 1
            self._last_loud = now
        else:
            self._loud = 0
        before = self.speaking
        if self._loud >= FRAMES_TO_START:
            self.speaking = True
        elif now - self._last_loud > HANGOVER:
            self.speaking = False
        return self.speaking != before
