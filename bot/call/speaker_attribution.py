"""Who said a line: the provider hears one mixed track, but we know when each person spoke.

Pure: times come in as arguments, in seconds of one monotonic clock. Doubt is shown, never guessed away: a line during
which two people spoke carries both names.
"""

from collections import deque
from dataclasses import dataclass

#: Seconds of silence after which somebody counts as silent. `bot.bridge.activity` has the same value, which is
#: repeated here so that this module does not depend on the processing of sound.
HANGOVER = 0.3
#: A pause of everybody at least this long separates one turn from the next.
TURN_GAP = 0.4
#: Who spoke less than this share of the longest speaker only coughed or said "mhm" beside the line.
MINOR_SHARE = 0.2
#: Speech that brought no line for this long was not understood by the voicebot, or was no speech.
FORGET_AFTER = 10.0
#: Seconds in which a turn that has brought a line may bring another: recognisers cut at shorter pauses than ours.
SECOND_LINE_WITHIN = 3.0
#: Turns kept while their line has not come: recognition can be slow, but not for minutes.
MAX_TURNS = 32


@dataclass(slots=True)
class _Turn:
    """Speech without a pause of everybody; seconds spoken per person."""

    start: float
    end: float
    spoken: dict[int, float]


class SpeakerAttribution:
    """Collects who speaks when, and returns for each line the people it may come from."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self._turns: deque[_Turn] = deque(maxlen=MAX_TURNS)
        self._claimed: tuple[float, dict[int, float]] = (-FORGET_AFTER, {})  # when, and seconds spoken per person

    def started(self, user_id: int, at: float) -> None:
        """Note that somebody has begun to speak at this time."""
        if not self._since and (not self._turns or at - self._turns[-1].end >= TURN_GAP):
            self._turns.append(_Turn(at, at, {}))
        self._since.setdefault(user_id, at)

    def stopped(self, user_id: int, at: float) -> None:
        """Note that somebody has stopped speaking at this time."""
        since = self._since.pop(user_id, None)
        if since is None or not self._turns:
            return
        turn = self._turns[-1]
        if at > since:
            turn.spoken[user_id] = turn.spoken.get(user_id, 0.0) + at - since
        turn.end = max(turn.end, at)

    def claim(self, at: float) -> tuple[int, ...]:
        """Return the speakers of a final line that came at `at`, longest first; empty when nobody was heard.

        It takes all turns that are over; the one still going on counts only when there is no other, since a line is
        final after its speaker fell silent. Then the turn before it may be meant as well, if its line came just now.
        """
        while self._turns and not self._is_open(self._turns[0]) and at - self._turns[0].end > FORGET_AFTER:
            self._turns.popleft()
        finished = [turn for turn in self._turns if turn.spoken and not self._is_open(turn)]
        spoken: dict[int, float] = {}
        for turn in finished or self._turns:
            for user_id, seconds in turn.spoken.items():
                spoken[user_id] = spoken.get(user_id, 0.0) + seconds
        for turn in finished:
            self._turns.remove(turn)
        if finished:
            self._claimed = at, dict(spoken)
        else:
            for user_id, since in self._since.items():
                spoken[user_id] = spoken.get(user_id, 0.0) + max(at - since, 0.0)
            claimed_at, before = self._claimed
            if at - claimed_at <= SECOND_LINE_WITHIN:  # beside a long turn, the one that has just begun is not minor
                spoken, before = _major(spoken), _major(before)
                both = {user: max(spoken.get(user, 0.0), before.get(user, 0.0)) for user in {**spoken, **before}}
                return tuple(sorted(both, key=lambda user: -both[user]))
            self._spend(at, spoken)
        major = _major(spoken)
        return tuple(sorted(major, key=lambda user: -major[user]))

    def _spend(self, at: float, spoken: dict[int, float]) -> None:
        """Use up the current turn's speech so far for its line, so that the next line gets only what follows.

        A person who stops speaking still counts as speaking for `HANGOVER`, which is not part of the next line.
        """
        self._claimed = at, dict(spoken)
        for turn in self._turns:
            turn.spoken.clear()
        self._since = dict.fromkeys(self._since, at + HANGOVER)

    def _is_open(self, turn: _Turn) -> bool:
        """Whether somebody is still speaking in it; only the last turn can be."""
        return bool(self._since) and turn is self._turns[-1]


def _major(spoken: dict[int, float]) -> dict[int, float]:
    """Without those who only coughed or said "mhm" beside the others."""
    least = MINOR_SHARE * max(spoken.values(), default=0.0)
    return {user: seconds for user, seconds in spoken.items() if seconds >= least}
