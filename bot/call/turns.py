"""Why an answer felt quick or slow: when people fell silent, when their line came, when the voicebot began, and when it
was heard.

Pure: times come in as arguments, in seconds of `time.monotonic()`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from .speaker_attribution import HANGOVER

#: Turns that are kept of a call.
MAX_TURNS = 50
#: Seconds after which what the voicebot says is no answer to what was said.
MAX_ANSWER = 30.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. `line`, `voice` and `heard` are seconds since the last word of the people went into the room."""

    carried_in: float  # seconds from that word's last packet to the room
    line: float | None  # to the line of what they said; None when none came before the answer
    voice: float  # to the first sound of the voicebot's answer, out of the room
    heard: float  # to that sound being sent to Discord

    @property
    def total(self) -> float:
        """Seconds from the last packet of the people to the first one of the voicebot, both at this machine."""
        return self.carried_in + self.heard

    @property
    def provider(self) -> float:
        """The part of it in the room: recognising, thinking, speaking, and the way there and back."""
        return self.voice

    @property
    def ours(self) -> float:
        """The part of it in Parley."""
        return self.total - self.provider


class Turns:
    """Follows the turns of one call."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque(maxlen=MAX_TURNS)
        self._speaking: set[int] = set()
        self._voicebot_speaking = False
        self._silence: _Silence | None = None

    @property
    def recent(self) -> Sequence[Turn]:
        """The last turns, oldest first."""
        return tuple(self._turns)

    def on_speaking(self, user_id: int, speaking: bool, at: float, delay: float) -> None:
        """Note that a person was found to speak, or to have fallen silent `HANGOVER` before, at a time. `delay` is how
        many seconds their sound took to the room."""
        if speaking:
            self._speaking.add(user_id)
            self._silence = None
            return
        self._speaking.discard(user_id)
        if not self._speaking:
            self._silence = _Silence(at - HANGOVER, delay, self._voicebot_speaking)

    def on_line(self, at: float) -> None:
        """Note that the final line of a person came."""
        if self._silence is not None and self._silence.line_at is None and at >= self._silence.since:
            self._silence.line_at = at

    def on_voicebot(self, speaking: bool, arrived: float, played: float) -> Turn | None:
        """Note that the voicebot was found to speak or to be silent; return the turn when that is an answer.

        `arrived` and `played` are when the first sound of what it says came from the room, and went to Discord.
        """
        self._voicebot_speaking = speaking
        silence = self._silence
        if not speaking or silence is None:
            return None
        self._silence = None
        voice = arrived - silence.since
        if not 0 <= voice <= MAX_ANSWER or (silence.beside_voicebot and silence.line_at is None):
            return None
        line = None if silence.line_at is None else silence.line_at - silence.since
        turn = Turn(silence.delay, line, voice, max(played - silence.since, voice))
        self._turns.append(turn)
        return turn


@dataclass(slots=True)
class _Silence:
    """People have fallen silent, and the voicebot has not begun. If it was speaking then, it may be going on with what
    it was saying, and a line shows that it heard them."""

    since: float
    delay: float
    beside_voicebot: bool
    line_at: float | None = None
