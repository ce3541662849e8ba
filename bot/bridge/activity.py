"""Whether someone is speaking, from the level of the decoded sound, with hysteresis."""

import numpy as np

from . import Frame

#: Full scale is 32768: -42 dB, above breath and hum, below a quiet voice.
SPEECH_LEVEL = 260.0
FRAMES_TO_START = 2
#: Seconds below the level that end speech; words have gaps.
HANGOVER = 0.3


def level(frame: Frame) -> float:
    """The root mean square of a frame, 0 to 32768."""
    samples = frame.astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / max(len(samples), 1)))


class VoiceActivity:
    """One speaker's state; `speaking` changes only in `update`."""

    def __init__(self) -> None:
        self.speaking = False
        self.level = 0.0
        self._loud = 0
        self._last_loud = 0.0

    def update(self, frame: Frame | None, now: float) -> bool:
        """Take in the frame of this tick, None for silence; whether `speaking` changed."""
        self.level = 0.0 if frame is None else level(frame)
        if self.level >= SPEECH_LEVEL:
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
