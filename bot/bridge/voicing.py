"""Whether a frame holds a voice: pitched as a voice is, in the band of speech, and not as steady as a machine.

Hum and fans live below the band of speech, coughs and keys have no pitch, a buzz or a tone has one that does not move.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import Frame

#: The analysis runs at 4 kHz: the pitch of a voice is clearest in its lowest formants.
_DECIMATION = 12
_FRAME = 80  # samples of 20 ms at 4 kHz
#: Samples that are looked for in what came before: 15 ms. More would blur a pitch that moves.
_PROBE = 60
#: Pitch periods looked for, in samples at 4 kHz: 2.5 to 13 ms, which is 400 Hz down to 77.
SHORTEST, LONGEST = 10, 52
#: How alike one pitch period and the next must be (normalised correlation). 86 % of loud frames of speech are, one in
#: a hundred of white noise.
PITCHED = 0.55
#: First-order high-pass: of a mains hum a tenth is left, of the lowest formants three quarters.
PRE_EMPHASIS = 0.95
#: Frames in which a voice moves: a fifth of a second.
MOTION_FRAMES = 7
#: Decibels that the loudness of a voice moves in that time at least.
LEAST_MOTION = 1.5


@dataclass(frozen=True, slots=True)
class Voicing:
    """One frame: root mean square in the band of speech (0 to 32768), that of the last two frames, in which there are
    enough pitch periods for it to stand still when the sound does, and the likeness of pitch periods (-1 to 1)."""

    level: float
    loudness: float
    likeness: float

    @property
    def pitched(self) -> bool:
        """Whether the sound repeats itself as a voice does."""
        return self.likeness >= PITCHED


class VoicingDetector:
    """One person's. It needs the frame before for voices whose pitch period fills half a frame."""

    def __init__(self) -> None:
        self._window: NDArray[np.float32] = np.zeros(2 * _FRAME, np.float32)
        self._last = 0.0
        self._recent: deque[Voicing] = deque(maxlen=MOTION_FRAMES)

    def analyse(self, frame: Frame) -> Voicing:
        """Take the next frame into account."""
        slow = frame.reshape(-1, _DECIMATION).mean(axis=1, dtype=np.float32)
        before = np.concatenate(([self._last], slow[:-1]), dtype=np.float32)
        self._last = float(slow[-1])
        self._window = np.concatenate((self._window[_FRAME:], slow - PRE_EMPHASIS * before))
        voicing = _pitch(self._window)
        self._recent.append(voicing)
        return voicing

    @property
    def moves(self) -> bool:
        """Whether what was pitched of late changed as a voice does; a tone and a buzz go on as they are.

        The beginning of a sound does not count, nor its end, which is one soft frame: there everything changes.
        """
        recent = list(self._recent)
        settled = sorted(
            max(now.loudness, 1.0)
            for before, last, now in zip(recent, recent[1:], recent[2:], strict=False)
            if before.pitched and last.pitched and now.pitched
        )
        if len(settled) < 3:
            return True
        return 20 * math.log10(settled[-1] / settled[1]) >= LEAST_MOTION


def _pitch(window: NDArray[np.float32]) -> Voicing:
    """The lag at which the newest frame repeats what came before it best."""
    newest = window[-_PROBE:]
    past = window[-_PROBE - LONGEST : -SHORTEST]
    products = np.correlate(past, newest, "valid")
    squares = np.concatenate(([0.0], np.cumsum(past * past)))
    energies = squares[_PROBE:] - squares[:-_PROBE]
    energy = float(np.dot(newest, newest))
    likeness = products / np.sqrt(energies * energy + 1.0)
    loudness = math.sqrt(float(np.dot(window, window)) / len(window))
    return Voicing(math.sqrt(energy / _PROBE), loudness, float(likeness.max()))
