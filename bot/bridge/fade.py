"""Concealed sound fades out instead of droning on, and sound that comes back is blended in: never a click."""

import numpy as np

from . import FRAME_SAMPLES, Frame, stretch

#: Frames of concealment until silence. libopus's own concealment holds a vowel for longer than anyone would.
FRAMES_TO_SILENCE = 4
#: Samples over which sound comes back: 5 ms.
RETURN = 240


class Fade:
    """One speaker's gain, from 1 to 0 over a row of concealed frames and quickly back."""

    def __init__(self) -> None:
        self._gain = 1.0
        self._row = 0

    def concealed(self, frame: Frame) -> Frame:
        """One more concealed frame: the first as it is, then quieter from frame to frame."""
        self._row += 1
        target = max(0.0, 1.0 - (self._row - 1) / (FRAMES_TO_SILENCE - 1))
        ramp = np.linspace(self._gain, target, len(frame), dtype=np.float32)
        self._gain = target
        return np.asarray(frame * ramp, np.float32).astype(np.int16)

    def heard(self, frame: Frame) -> Frame:
        """Pass a frame that arrived, blended in after concealed ones."""
        self._row = 0
        if self._gain == 1.0:
            return frame
        ramp = np.ones(len(frame), np.float32)
        length = min(RETURN, len(frame))
        ramp[:length] = np.linspace(self._gain, 1.0, length, dtype=np.float32)
        self._gain = 1.0
        return np.asarray(frame * ramp, np.float32).astype(np.int16)

    def rest(self) -> None:
        """The speaker fell silent. After an end that was announced the next word starts at full level."""
        if self._row:
            self.cut()

    def cut(self) -> None:
        """The sound ended in the middle, or begins there: what comes next is faded in."""
        self._gain, self._row = 0.0, 0


def join(before: Frame, after: Frame) -> Frame:
    """`after`, blended in over 5 ms from how `before` would have gone on; it may begin anywhere in a wave."""
    weight = np.linspace(0, 1, RETURN, dtype=np.float32)
    head = stretch.go_on(before)[:RETURN] * (1 - weight) + after[:RETURN] * weight
    return np.concatenate((np.asarray(head, np.float32).astype(np.int16), after[RETURN:]))


assert RETURN < FRAME_SAMPLES
