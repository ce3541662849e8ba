"""Any number of speakers into one frame, without clipping: a sum, and a limiter that turns all of it down as one does.

The gain falls within milliseconds to where the loudest sample fits and comes back over half a second, so that five
people who laugh at once are softer and not distorted.
"""

import numpy as np
from numpy.typing import NDArray

from . import Frame

#: What no sample of a frame may exceed. In the first milliseconds, in which the gain still falls, what would is pressed
#: together between this and full scale.
CEILING = 30_000.0
#: Samples in which the gain falls: 2 ms.
ATTACK = 96
#: How fast it comes back, per frame of 20 ms.
RELEASE = 0.02
_ROOM = 32_767.0 - CEILING


class Mixer:
    """One sum of many; it remembers its gain."""

    def __init__(self) -> None:
        self.gain = 1.0

    def mix(self, frames: list[Frame]) -> Frame:
        """The sum of `frames` (at least one). At full gain, one speaker alone is passed on untouched."""
        if len(frames) == 1 and self.gain == 1.0:
            return frames[0]
        total: NDArray[np.float32] = np.asarray(np.sum(frames, axis=0, dtype=np.int32), np.float32)
        peak = float(np.abs(total).max())
        before = self.gain
        self.gain = now = min(before + RELEASE, 1.0, CEILING / peak if peak else 1.0)
        if now < before:
            total[:ATTACK] = _pressed(total[:ATTACK] * np.linspace(before, now, ATTACK, dtype=np.float32))
            total[ATTACK:] *= now
        elif before < 1.0:
            total *= np.linspace(before, now, len(total), dtype=np.float32)
        return total.astype(np.int16)


def _pressed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    excess = np.maximum(np.abs(samples) - CEILING, 0)
    pressed = np.sign(samples) * (CEILING + _ROOM * excess / (excess + _ROOM))
    return np.asarray(np.where(excess > 0, pressed, samples), np.float32)
