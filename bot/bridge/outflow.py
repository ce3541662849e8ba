"""People's sound on its way into the room: what waits there for longer than it must is said a little faster.

The room plays at its own beat what it is given. A frame that comes late leaves a hole there, and everything behind it
waits for as long as the hole was, until people pause. A pitch period at a time is taken out instead.
"""

from . import Frame, stretch

#: Frames over which the least that waits is looked at.
WATCHED = 25
#: Seconds that may wait when the next frame comes: a beat is a few milliseconds late now and then.
MARGIN = 0.012


class Outflow:
    """One call's way into its room."""

    def __init__(self) -> None:
        self.shortened = 0  # times a pitch period was taken out
        self._least = float("inf")
        self._frames = 0

    def fit(self, frame: Frame, held: float) -> Frame:
        """The next frame, less a pitch period when too much waits; `held` is how many seconds do."""
        self._least = min(self._least, held)
        self._frames += 1
        if self._frames < WATCHED:
            return frame
        surplus = self._least > MARGIN
        self._least, self._frames = float("inf"), 0
        period = stretch.seam(frame) if surplus else None
        if period is None:
            return frame
        self.shortened += 1
        return stretch.shorten(frame, period)
