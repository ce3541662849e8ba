"""Whether somebody talks into the voicebot's words, and for how long those are held back then.

A cough, a key or the voicebot's own echo is no interruption: what counts is voiced sound (a pitch, which noise and
clicks lack), for a fifth of a second out of half a one, and not much softer than the voicebot itself.
"""

from collections import deque

from . import Frame, stretch
from .activity import SPEECH_LEVEL

#: Frames looked back on per person, and how many of them must be voiced.
WINDOW, VOICED = 25, 10
#: How alike two pitch periods are in a voice (normalised correlation).
PITCHED = 0.45
#: An echo that a headset lets through is at least so much softer than the voicebot: 14 dB.
ECHO = 0.2
#: What the voicebot's loudness is multiplied with per frame while it gets softer: an echo trails behind.
TRAIL = 0.97
#: Seconds in which the voicebot's words are held back: time for it to notice by itself. If it talks on, it means to.
YIELD = 0.6


class Interruption:
    """Told of every frame while the voicebot speaks."""

    def __init__(self) -> None:
        self.count = 0
        self._voicebot_level = 0.0
        self._voiced: dict[int, deque[bool]] = {}  # by user id
        self._yields_until = 0.0

    def voicebot(self, level: float) -> None:
        """The voicebot's frame of this tick, as a root mean square; 0 for none."""
        self._voicebot_level = max(level, self._voicebot_level * TRAIL)

    def person(self, user_id: int, frame: Frame, level: float, now: float) -> bool:
        """A person's frame of this tick; whether it makes an interruption, which begins to yield."""
        voiced = self._voiced.setdefault(user_id, deque(maxlen=WINDOW))
        loud = level >= max(2 * SPEECH_LEVEL, ECHO * self._voicebot_level)
        voiced.append(loud and stretch.find_period(frame).likeness >= PITCHED)
        if sum(voiced) < VOICED or self.yields(now):
            return False
        self._voiced.clear()
        self.count += 1
        self._yields_until = now + YIELD
        return True

    def yields(self, now: float) -> bool:
        """Whether the voicebot's words are held back."""
        return now < self._yields_until

    def noticed(self) -> None:
        """The voicebot has fallen silent: what it says next is an answer."""
        self._yields_until = 0.0

    def quiet(self) -> None:
        """Nobody is being interrupted: what was said before does not count."""
        self._voiced.clear()
        self._voicebot_level = 0.0
