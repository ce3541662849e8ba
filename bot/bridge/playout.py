"""The voicebot's sound on its way to Discord: frames in at the room's pace, one out per tick.

The two clocks drift apart and the room's frames come in bunches, so a few frames are held. When more are held for
longer than a bunch lasts, speech is shortened by a pitch period at a time until they are not, when fewer are, it is
lengthened, and the hold has a hard ceiling: delay never grows. A short gap is concealed. Silence is not played: it ends
the burst, and lets the queue shrink.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from . import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Frame, stretch
from .fade import Fade, join

#: Peak below which a frame counts as silence: codecs leave a little noise where there was none.
SILENCE_PEAK = 24
#: Silent frames still sent before the burst ends, so that soft word endings are not cut.
HANGOVER_FRAMES = 10
#: Frames concealed in a gap before the burst counts as over.
MAX_CONCEALED = 3
#: Ticks over which the least number of held frames must be above the prefill before it counts as delay; and over which
#: it must be far above, as with a voicebot that sends faster than it speaks.
SURPLUS_TICKS, HASTE_TICKS = 25, 3
FAR_ABOVE = 3
#: Frames beyond the prefill that are left alone: lengthening adds a pitch period, which is half a frame at most.
SLACK = 0.6
#: Ticks in which what was on its way when the voicebot stopped has come. A track that does not fall silent, with music,
#: is played as ever after that.
HURRY_TICKS = 50
#: Ticks for which fewer frames than the prefill wait for the next ones; then what is there is played. The last frame of
#: a word that came late belongs to it, and not to the next word.
MAX_PREFILL_TICKS = 5


class Fit(Enum):
    """What is held, against what is wanted."""

    RIGHT = auto()
    TOO_MUCH = auto()
    TOO_LITTLE = auto()


@dataclass(slots=True)
class PlayoutStats:
    """What has become of a track's frames, in frames."""

    played: int = 0
    dropped: int = 0  # beyond the ceiling
    starved: int = 0  # due in the middle of a burst and not there
    shortened: int = 0  # times a pitch period was taken out, and put in
    lengthened: int = 0


class Playout:
    """Plays one track. `prefill` frames are held before a burst starts, `ceiling` at most. Before each burst there are
    `lead_in` ticks at least in which something waits and nothing is played.

    It has more attributes than other classes: each is what one tick leaves to the next, and all are one state.
    """

    def __init__(self, *, prefill: int = 2, ceiling: int = 10, lead_in: int = 0) -> None:
        self.stats = PlayoutStats()
        self._lead_in = lead_in
        self._prefill = prefill
        self._ceiling = ceiling
        self._held: deque[Frame] = deque()
        self._part: Frame = np.empty(0, np.int16)  # what stretching has left of a frame
        self._playing = False
        self._waited = 0  # ticks for the prefill
        self._silent = HANGOVER_FRAMES
        self._fade = Fade()
        self._last: Frame = np.zeros(FRAME_SAMPLES, np.int16)
        self._torn = False  # whether what comes next does not follow on `_last`
        self._last_words: Frame | None = None  # held; it fades out
        self._hurry = 0  # ticks for which this burst is played as it comes
        self._concealed = 0
        self._least_held, self._most_held, self._ticks = float(ceiling), 0.0, 0  # in frames, of late

    def __len__(self) -> int:
        return len(self._held)

    @property
    def playing(self) -> bool:
        """Whether a burst is being played."""
        return self._playing

    @property
    def waiting(self) -> bool:
        """Whether a burst is about to be played."""
        return not self._playing and bool(self._held)

    @property
    def delay(self) -> float:
        """Seconds of sound that are held."""
        return len(self._held) * FRAME_SECONDS + len(self._part) / SAMPLE_RATE

    def push(self, frame: Frame) -> bool:
        """A frame of the voicebot arrived from the room; whether there is sound in it."""
        silent = is_silent(frame)
        if silent:
            self._silent += 1
            if self._silent > HANGOVER_FRAMES:
                return False
        else:
            self._silent = 0
        self._held.append(frame)
        if self._hurry:
            self._drop_all_but(1)
        else:
            self.stats.dropped += self._drop_all_but(self._ceiling)
        return not silent

    def pop(self) -> Frame | None:
        """The frame to send at this tick; None when there is nothing to say."""
        self._hurry = max(0, self._hurry - 1)
        if not self._playing:
            self._waited = self._waited + 1 if self._held else 0
            if len(self._held) < self._prefill and self._waited <= MAX_PREFILL_TICKS:
                return None
            if 0 < self._waited <= self._lead_in:
                return None
            self._start()
        if not self._held and len(self._part) < FRAME_SAMPLES:
            return self._starve()
        last = bool(self._held) and self._held[0] is self._last_words
        frame = self._take()
        ends = last and not self._held
        if ends:
            frame, self._part = _faded(frame), self._part[:0]
        if self._torn:
            frame = join(self._last, frame)
        self._torn = ends
        if self._concealed:
            self._concealed, self._fade = 0, Fade()
        self.stats.played += 1
        self._last = np.zeros_like(frame) if ends else frame
        return frame

    def clear(self) -> None:
        """Drop what is held, the voicebot was interrupted or is gone; one frame fades out what was being said."""
        if self._playing:
            if not self._held:  # in the middle of a gap: what is being made up fades out
                self._held.append(stretch.go_on(self._last))
            self._cut()
        else:
            self._held.clear()
        self._silent = HANGOVER_FRAMES + 1  # nothing behind it is missing

    def end(self) -> None:
        """Nothing more comes: what is held is played, and what it stops in the middle of fades out."""
        if not self._held and self._playing:
            self._held.append(stretch.go_on(self._last))
        self._last_words = self._held[-1] if self._held else None
        self._silent = HANGOVER_FRAMES + 1  # nothing behind it is missing

    def hurry(self) -> None:
        """The voicebot has stopped in mid-word: to the end of this burst, or for a second, play what comes as it comes.

        Nobody misses a frame of a word that was given up; that it goes on is what people notice.
        """
        if self._playing:
            self._hurry = HURRY_TICKS
            self._drop_all_but(1)

    def _drop_all_but(self, most: int) -> int:
        """Leave the newest frames; how many others there were."""
        dropped = max(len(self._held) - most, 0)
        for _ in range(dropped):
            self._held.popleft()
        if dropped:
            self._part = self._part[:0]
            self._torn = True
        return dropped

    def _cut(self) -> None:
        """Of what is held play one frame more, fading out."""
        self._last_words = np.concatenate((self._part, self._held[0]))[:FRAME_SAMPLES]
        self._part = self._part[:0]
        self._held = deque([self._last_words])

    def _start(self) -> None:
        self._playing = True
        self._waited = 0
        self._last = np.zeros(FRAME_SAMPLES, np.int16)
        self._torn = True
        self._concealed, self._fade = 0, Fade()
        self._watch_afresh()

    def _take(self) -> Frame:
        """The next 960 samples, a pitch period less when too much is held, or more when too little is."""
        fit = self._fit()
        if len(self._part) >= FRAME_SAMPLES:
            sound = self._part
        else:
            sound = np.concatenate((self._part, self._held.popleft()))
            if fit is not Fit.RIGHT:
                sound = self._stretch(sound, fit)
            if len(sound) < FRAME_SAMPLES:
                sound = np.concatenate((sound, self._held.popleft()))
        self._part = sound[FRAME_SAMPLES:]
        return sound[:FRAME_SAMPLES]

    def _fit(self) -> Fit:
        """What was held of late, against the prefill: always more, or always less."""
        self._ticks += 1
        held = len(self._held) + len(self._part) / FRAME_SAMPLES
        self._least_held, self._most_held = min(self._least_held, held), max(self._most_held, held)
        far = self._least_held >= self._prefill + FAR_ABOVE
        if self._ticks < (HASTE_TICKS if far else SURPLUS_TICKS):
            return Fit.RIGHT
        fit = Fit.RIGHT
        if self._least_held > self._prefill + SLACK:
            fit = Fit.TOO_MUCH
        elif self._most_held < self._prefill and not self._hurry:
            fit = Fit.TOO_LITTLE
        self._watch_afresh()
        return fit

    def _watch_afresh(self) -> None:
        self._least_held, self._most_held, self._ticks = float(self._ceiling), 0.0, 0

    def _stretch(self, sound: Frame, fit: Fit) -> Frame:
        period = stretch.seam(sound)
        if period is None:
            return sound
        if fit is Fit.TOO_MUCH:
            self.stats.shortened += 1
            return stretch.shorten(sound, period)
        self.stats.lengthened += 1
        return stretch.lengthen(sound, period)

    def _starve(self) -> Frame | None:
        """Nothing is there: in the middle of a word repeat its last pitch period, quieter and quieter."""
        speaking = self._silent <= HANGOVER_FRAMES
        part, self._part = self._part, self._part[:0]
        if speaking and self._concealed < (1 if self._hurry else MAX_CONCEALED):
            self._concealed += 1
            self.stats.starved += 1
            self._torn = True
            before = np.concatenate((self._last, part))[-FRAME_SAMPLES:]
            filling = np.concatenate((part, stretch.go_on(before)))[:FRAME_SAMPLES]
            self._last = _faded(filling) if self._hurry else self._fade.concealed(filling)
            return self._last
        self._playing, self._hurry = False, 0
        return None


def is_silent(frame: Frame) -> bool:
    """Whether a frame of the voicebot's holds nothing but what a codec makes of nothing."""
    return int(np.abs(frame.astype(np.int32)).max()) < SILENCE_PEAK


def _faded(frame: Frame) -> Frame:
    return np.asarray(frame * np.linspace(1, 0, len(frame), dtype=np.float32), np.float32).astype(np.int16)
