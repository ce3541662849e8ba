"""What the live check measures, as it is written into the flight record. Counts and seconds only."""

from dataclasses import dataclass

from .packet_times import Transit


@dataclass(frozen=True, slots=True)
class VoicebotSeen:
    """Whether the voicebot came into its room, and whether it was asked something and answered."""

    came: bool
    asked: bool
    answered: bool


@dataclass(frozen=True, slots=True)
class QuestionCarried:
    """How the question got from the second bot to Parley, through Discord. `sealed` packets of anybody arrived and
    could not be decrypted."""

    transit: Transit
    sealed: int


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
    """How what the voicebot said got from Parley to the second bot, through Discord, how many frames of sound the
    second bot has decoded, and what silence was sent before each first word."""

    transit: Transit
    frames: int
    lead_in_ms: int
