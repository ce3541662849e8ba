"""The voicebot's tracks on their way to Discord: one playout each, mixed into one frame per tick.

Usually there is one. A voicebot with music or typing sounds in the background publishes them as a second one.
"""

from . import Frame
from .mixer import Mixer
from .playout import Playout


class TrackMixer:
    """All tracks of a room that are to be heard; a track is named by whatever tells it from the others."""

    def __init__(self, lead_in: int = 0) -> None:
        """`lead_in` is in ticks (`Playout`)."""
        self._lead_in = lead_in
        self._playouts: dict[str, Playout] = {}
        self._mixer = Mixer()
        self._past = Playout().stats  # of tracks that are gone
        self._leaving: list[Playout] = []  # tracks that are gone, and have something left to say

    @property
    def playing(self) -> bool:
        """Whether any of them is being heard."""
        return any(playout.playing for playout in self._all())

    @property
    def waiting(self) -> bool:
        """Whether something is about to be said, and nothing is being said yet."""
        return any(playout.waiting for playout in self._playouts.values()) and not self.playing

    @property
    def delay(self) -> float:
        """Seconds of sound that are held, of the track that holds most."""
        return max((playout.delay for playout in self._playouts.values()), default=0.0)

    @property
    def dropped(self) -> int:
        """Frames beyond a ceiling, on all tracks so far."""
        return self._past.dropped + sum(playout.stats.dropped for playout in self._playouts.values())

    @property
    def starved(self) -> int:
        """Frames that were due and not there, on all tracks so far."""
        return self._past.starved + sum(playout.stats.starved for playout in self._playouts.values())

    def push(self, track: str, frame: Frame) -> bool:
        """A frame of a track arrived; whether there is sound in it."""
        playout = self._playouts.get(track)
        if playout is None:
            playout = self._playouts[track] = Playout(lead_in=self._lead_in)
        return playout.push(frame)

    def pop(self) -> Frame | None:
        """The frame to send at this tick; None when there is nothing to say."""
        frames = [frame for playout in self._all() if (frame := playout.pop()) is not None]
        if self._leaving:
            self._leaving = [playout for playout in self._leaving if len(playout)]
        return self._mixer.mix(frames) if frames else None

    def clear(self) -> None:
        """Drop what is held: the voicebot was interrupted or is gone."""
        for playout in self._all():
            playout.clear()

    def hurry(self) -> None:
        """The voicebot itself has stopped in mid-word: hold nothing back of what is still on its way."""
        for playout in self._playouts.values():
            playout.hurry()

    def forget(self, track: str) -> None:
        """A track is gone; what it has said is heard to its end."""
        playout = self._playouts.pop(track, None)
        if playout is not None:
            playout.end()
            if len(playout):
                self._leaving.append(playout)
            self._past.dropped += playout.stats.dropped
            self._past.starved += playout.stats.starved

    def _all(self) -> list[Playout]:
        """Also those of tracks that are gone and not at their end."""
        return [*self._playouts.values(), *self._leaving]
