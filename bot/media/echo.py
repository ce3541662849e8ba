"""Plays back what people say, to test both directions of the sound without a voicebot.

It takes the place of the room (`bot.room.connection`): it records what it is fed and plays it in the next pause. Pure.
"""

from collections import deque
from collections.abc import Callable

from bot.bridge import Frame
from bot.bridge.playout import is_silent
from bot.room.stats import FeedStats

#: Frames of 20 ms: the longest thing that is repeated, and the pause that ends it.
MAX_FRAMES, PAUSE_FRAMES = 500, 50
#: Frames of silence that end a repetition. The echo ignores all sound until they are played: the repetition may reach
#: a microphone through somebody's loudspeakers that late.
DEAF_FRAMES = 20


class Echo:
    """Listens, then repeats, then listens again; it does not hear itself through somebody's loudspeakers."""

    def __init__(self, play: Callable[[Frame], object]) -> None:
        self._play = play
        self._heard: deque[Frame] = deque(maxlen=MAX_FRAMES)
        self._quiet = 0
        self._playing = False
        self.stats = FeedStats()

    @property
    def held(self) -> float:
        """Seconds of sound that wait to be sent: none."""
        return 0.0

    def feed(self, frame: Frame) -> None:
        """Take in 20 ms of what people say, or of the silence behind it."""
        if self._playing:
            return
        self.stats.fed += 1
        silent = is_silent(frame)
        if silent and not self._heard:
            return
        self._heard.append(frame.copy())
        self._quiet = self._quiet + 1 if silent else 0
        if self._quiet >= PAUSE_FRAMES:
            for _ in range(self._quiet - DEAF_FRAMES):  # the whole pause again would be deaf to who answers at once
                self._heard.pop()
            self._playing = True

    def tick(self) -> None:
        """Play the next frame of what is being repeated; once per 20 ms."""
        if not self._playing:
            return
        self._play(self._heard.popleft())
        if not self._heard:
            self._playing, self._quiet = False, 0

    async def leave(self) -> None:
        """Do nothing, since there is no room to leave."""
        self._heard.clear()
        self._playing = False
