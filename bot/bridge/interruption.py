"""Whether somebody talks into the voicebot's words, and for how long those are held back then.

A cough, a key, a hum or the voicebot's own echo is no interruption: what counts is a voice (see `voicing`) for an
eighth of a second, and not much softer than the voicebot itself.
"""

from collections import deque

from . import FRAME_SECONDS, Frame
from .voicing import VoicingDetector

#: Frames looked back on per person, and how many of them must be voiced.
WINDOW, VOICED = 8, 6
#: Root mean square in the band of speech below which nobody means to be heard: a quiet voice has three times as much.
LEAST_LEVEL = 300.0
#: An echo that a headset lets through is at least so much softer than the voicebot: 18 dB.
ECHO = 0.125
#: Frames by which an echo trails behind: playout, the room it sounds in, and the way back.
ECHO_FRAMES = 20
#: Seconds in which the voicebot's words are held back: time for it to notice by itself. If it talks on, it means to.
YIELD = 0.6
#: Seconds of silence on all its tracks by which it shows that it has noticed; between two words there is less.
NOTICED = 0.2
#: Seconds without a voiced frame after which a person may interrupt once more: who just talks on already did.
BREATH = 0.6


class Interruption:
    """Detects interruptions from the frames of both sides while the voicebot speaks."""

    def __init__(self) -> None:
        self.count = 0
        self._voicebot = VoicingDetector()
        self._voicebot_levels: deque[float] = deque([0.0], maxlen=ECHO_FRAMES)
        self._people: dict[int, _Person] = {}  # by user id
        self._yields_until = 0.0
        self._last_sound = 0.0

    def on_voicebot_frame(self, frame: Frame) -> None:
        """What people hear of the voicebot at this tick."""
        self._voicebot_levels.append(self._voicebot.analyse(frame).level)

    def on_person_frame(self, user_id: int, frame: Frame, now: float) -> bool:
        """A person's frame of this tick; whether it makes an interruption, which begins to yield."""
        person = self._people.get(user_id)
        if person is None:
            person = self._people[user_id] = _Person()
        person.update(frame, max(LEAST_LEVEL, ECHO * max(self._voicebot_levels)), now)
        if self.is_holding_back(now) or not person.interrupts:
            return False
        person.had_their_say = True
        self.count += 1
        self._yields_until = now + YIELD
        self._last_sound = now
        return True

    def is_holding_back(self, now: float) -> bool:
        """Whether the voicebot's words are held back."""
        return now < self._yields_until

    def on_held_frame(self, silent: bool, now: float) -> None:
        """A frame of any track of the voicebot's came while it was to be held back."""
        if not silent:
            self._last_sound = now
        elif now - self._last_sound >= NOTICED:
            self._yields_until = 0.0  # it has fallen silent: what it says next is an answer

    def reset(self) -> None:
        """Nobody is being interrupted: what was said before does not count."""
        for person in self._people.values():
            person.forget()
        if any(self._voicebot_levels):
            self._voicebot_levels.extend([0.0] * ECHO_FRAMES)

    def remove(self, user_id: int) -> None:
        """Forget somebody who is no longer in the channel."""
        self._people.pop(user_id, None)


class _Person:
    """What one person said of late."""

    def __init__(self) -> None:
        self.had_their_say = False
        self._detector = VoicingDetector()
        self._voiced: deque[bool] = deque(maxlen=WINDOW)
        self._last_voiced = 0.0

    def update(self, frame: Frame, least: float, now: float) -> None:
        voicing = self._detector.analyse(frame)
        voiced = voicing.level >= least and voicing.pitched
        self._voiced.append(voiced)
        if now - self._last_voiced > BREATH + FRAME_SECONDS / 2:
            self.had_their_say = False
        if voiced:
            self._last_voiced = now

    def forget(self) -> None:
        """What was said before does not count. That they had their say still does, until they take a breath."""
        self._voiced.clear()

    @property
    def interrupts(self) -> bool:
        return not self.had_their_say and sum(self._voiced) >= VOICED and self._detector.moves
