"""What happens in a call that is played again. Times are seconds since the command was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Joins:
    """Somebody comes into the channel; `who` is their pseudonym in the record."""

    at: float
    who: str


@dataclass(frozen=True, slots=True)
class Leaves:
    """Somebody leaves it."""

    at: float
    who: str


@dataclass(frozen=True, slots=True)
class Speaks:
    """Somebody says something that takes so many seconds."""

    at: float
    who: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Sends:
    """The voice server sends something that nothing else explains."""

    at: float
    op: int
    data: Json


@dataclass(frozen=True, slots=True)
class Closes:
    """The voice server closes the bot's websocket; `forgets` its session, too."""

    at: float
    code: int
    forgets: bool


@dataclass(frozen=True, slots=True)
class ChangesServer:
    """Discord names another voice server."""

    at: float


@dataclass(frozen=True, slots=True)
class ChangesSender:
    """The voice server begins its DAVE group anew, with another external sender."""

    at: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Somebody ends the call: with the command, as a moderator, or by moving the bot."""

    at: float
    how: Literal["command", "kick", "move"]


Step = Joins | Leaves | Speaks | Sends | Closes | ChangesServer | ChangesSender | Ends


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call: who is there before the command, how the voice server behaves, and what happens, in order."""

    present: tuple[str, ...]
    behaviour: Mapping[str, Any] = field(default_factory=dict)  # fields of VoiceBehaviour that are not as documented
    hello: Mapping[str, Any] = field(default_factory=dict)  # fields of the first message of a websocket, likewise
    encrypted: bool = True  # end to end
    steps: tuple[Step, ...] = ()
    length: float = 0.0  # to the end of the recorded call
