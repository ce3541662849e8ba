"""The voicebot's sound on its way to Discord: frames in at the room's pace, one out per tick.

The two clocks drift apart and the room's frames come in bunches, so a few frames are held. The hold has a hard
ceiling: what comes beyond it drops the oldest, since old sound is delay for the rest of the call. Silence is not
played: it ends the burst, and lets the queue shrink.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from . import Frame

#: Peak below which a frame counts as silence: codecs leave a little noise where there was none.
SILENCE_PEAK = 24
#: Silent frames still sent before the burst ends, so that soft word endings are not cut.
HANGOVER_FRAMES = 10


@dataclass(slots=True)
class PlayoutStats:
    """In frames."""

    played: int = 0
    dropped: int = 0  # beyond the ceiling
    starved: int = 0  # due in the middle of a burst and not there


class Playout:
    """`prefill` frames are held before a burst starts, `ceiling` at most."""

    def __init__(self, *, prefill: int = 2, ceiling: int = 10) -> None:
        self.stats = PlayoutStats()
        self._prefill = prefill
        self._ceiling = ceiling
        self._held: deque[Frame] = deque()
        self._playing = False
        self._silent = HANGOVER_FRAMES

    def __len__(self) -> int:
        return len(self._held)

    @property
    def playing(self) -> bool:
        return self._playing

    def push(self, frame: Frame) -> None:
        """A frame of the voicebot arrived from the room."""
        if int(np.abs(frame.astype(np.int32)).max()) < SILENCE_PEAK:
            self._silent += 1
            if self._silent > HANGOVER_FRAMES:
                return
        else:
            self._silent = 0
        self._held.append(frame)
        while len(self._held) > self._ceiling:
            self._held.popleft()
            self.stats.dropped += 1

    def pop(self) -> Frame | None:
        """The frame to send at this tick; None when there is nothing to say."""
        if not self._playing and len(self._held) >= self._prefill:
            self._playing = True
        if not self._playing:
            return None
        if self._held:
            self.stats.played += 1
            return self._held.popleft()
        if self._silent <= HANGOVER_FRAMES:
            self.stats.starved += 1
        self._playing = False
        return None

    def clear(self) -> None:
        """Drop what is held: the voicebot was interrupted or is gone."""
        self._held.clear()
        self._playing = False
