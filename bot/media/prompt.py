"""Says what it is given and counts what it hears, to measure both directions of the sound without a voicebot.

It takes the place of the room (`bot.room.connection`), as the echo does. Pure.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.playout import is_silent
from bot.room.stats import FeedStats

#: Frames of 20 ms that may wait to be said.
MAX_FRAMES = 1500


class Prompt:
    """Says samples at the pace of the ticks, and counts the frames of what people say."""

    def __init__(self, play: Callable[[Frame], object]) -> None:
        self._play = play
        self._waiting: deque[Frame] = deque(maxlen=MAX_FRAMES)
        #: Frames of 20 ms that were heard and were no silence.
        self.heard = 0
        self.stats = FeedStats()

    @property
    def held(self) -> float:
        """Seconds of sound that wait to be sent: none."""
        return 0.0

    def say(self, samples: Frame) -> None:
        """Say 48 kHz mono samples of any length, from the next tick on; the last frame is filled with silence."""
        missing = -len(samples) % FRAME_SAMPLES
        whole = np.concatenate((samples, np.zeros(missing, np.int16)))
        self._waiting.extend(whole.reshape(-1, FRAME_SAMPLES))

    def feed(self, frame: Frame) -> None:
        """Take in 20 ms of what people say, or of the silence behind it."""
        self.stats.fed += 1
        if not is_silent(frame):
            self.heard += 1

    def tick(self) -> None:
        """Say the next frame, if there is one; once per 20 ms."""
        if self._waiting:
            self._play(self._waiting.popleft())

    async def leave(self) -> None:
        """Say no more, since there is no room to leave."""
        self._waiting.clear()
