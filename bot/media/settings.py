"""What a server may tune of a call's sound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """How a call's sound is carried; times are in seconds."""

    jitter_buffer: float = 0.04
    jitter_buffer_max: float = 0.1
    level_balance: bool = True
    #: User ids of those who may interrupt the voicebot; None is everybody.
    may_interrupt: frozenset[int] | None = None
    #: Whether nobody is heard who has not agreed to it.
    ask_first: bool = False
    hear_bots: bool = False
    #: Of silence before the voicebot's first word.
    lead_in: float = 0.02
