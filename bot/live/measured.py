"""What the live check measures with a second bot, as it is written into the flight record. Counts and seconds only."""

from dataclasses import dataclass

from .packet_times import Transit


@dataclass(frozen=True, slots=True)
class QuestionCarried:
    """How the question got from the second bot to Parley, through Discord."""

    transit: Transit


@dataclass(frozen=True, slots=True)
class QuestionUnderstood:
    """How many of the question's words came back in the lines of people, in their order; `first` is whether the first
    word did. Without a line, `lines` is 0."""

    lines: int
    words: int
    most: int
    first: bool


@dataclass(frozen=True, slots=True)
class AnswerCarried:
    """How what the voicebot said got from Parley to the second bot, through Discord, and how many frames of sound of it
    the second bot has decoded."""

    transit: Transit
    frames: int
