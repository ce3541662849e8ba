"""Brings people to one loudness, slowly, so that the quiet one is heard beside the loud one.

A gain per person that follows what they say and stands still while they are silent: what moves with every word is
heard as pumping, and what rises in a pause makes noise of a quiet room. While two talk at once nobody is made louder:
a recogniser understands the louder of two, and neither of two that are equally loud.
"""

import numpy as np

from . import Frame

#: Where speech is brought to, as a root mean square: -22 dB of full scale, ordinary headset speech.
TARGET = 2600.0
LOUDER, SOFTER = 4.0, 0.5  # at most: +12 dB and -6 dB
#: How much of the way to the right gain is gone with each spoken frame: half of it in 0.7 s.
PACE = 0.02
#: How fast somebody is no longer made louder when another begins to talk, and is again: gain per frame of 20 ms.
YIELD, RETURN = 0.6, 0.1
#: Samples in which a gain that would leave the scale comes down: 2 ms, too short to hear and too long to click.
DUCK = 96
_FULL_SCALE = 32_767.0


class AutoGain:
    """One person's gain, which follows how loud they speak."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._most = LOUDER  # just now
        self._applied = 1.0  # at the end of the last frame

    def apply(self, frame: Frame, level: float, *, speaking: bool, alone: bool = True) -> Frame:
        """The frame at the person's gain; `level` is its root mean square before. `alone`: nobody else talks."""
        before = self._applied
        self._most = min(self._most + RETURN, LOUDER) if alone else max(self._most - YIELD, 1.0)
        if speaking and level > 0:
            wanted = min(max(TARGET / level, SOFTER), LOUDER)
            self.gain += PACE * (wanted - self.gain)
        now = min(self.gain, self._most, before + RETURN)
        if abs(now - 1.0) < 0.05 and before == now:
            return frame
        # No sample may leave the scale: a loud word after many quiet ones is louder at once than the gain can follow.
        peak = float(np.abs(frame.astype(np.int32)).max())
        ceiling = _FULL_SCALE / peak if peak else LOUDER
        self._applied = now = min(now, ceiling)
        if before > ceiling:
            ramp = np.full(len(frame), now, np.float32)
            ramp[:DUCK] = np.linspace(before, now, DUCK, dtype=np.float32)
        else:
            ramp = np.linspace(before, now, len(frame), dtype=np.float32)
        return np.asarray(np.clip(frame * ramp, -_FULL_SCALE, _FULL_SCALE), np.float32).astype(np.int16)
