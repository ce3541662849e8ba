"""Any number of speakers into one frame, without clipping: a sum with a look-free soft limiter."""

import numpy as np
from numpy.typing import NDArray

from . import Frame

#: Samples above this are pressed together towards full scale instead of being cut off.
KNEE = 24_000.0
_ROOM = 32_767.0 - KNEE


def mix(frames: list[Frame]) -> Frame:
    """The sum of `frames` (at least one). One speaker alone is passed on untouched."""
    if len(frames) == 1:
        return frames[0]
    total: NDArray[np.float32] = np.asarray(np.sum(frames, axis=0, dtype=np.int32), np.float32)
    over = np.abs(total) > KNEE
    if over.any():
        excess = np.abs(total[over]) - KNEE
        total[over] = np.sign(total[over]) * (KNEE + _ROOM * excess / (excess + _ROOM))
    return total.astype(np.int16)
