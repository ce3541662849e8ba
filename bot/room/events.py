"""What happens in a room, as the rest of the call sees it."""

from dataclasses import dataclass
from enum import Enum


class RoomEnd(Enum):
    """Why a room is over for us."""

    ENDED_BY_PROVIDER = "the provider ended it"
    REPLACED = "another client joined in the bot's place"
    CONNECTION_LOST = "the connection was lost"


@dataclass(frozen=True, slots=True)
class VoicebotArrived:
    """The voicebot's audio track is here; it can be heard."""


@dataclass(frozen=True, slots=True)
class VoicebotGone:
    """The voicebot left or took its track away; it may come back."""


@dataclass(frozen=True, slots=True)
class TrackGone:
    """One of the voicebot's audio tracks is gone; it may have others."""

    sid: str


@dataclass(frozen=True, slots=True)
class AgentState:
    """What the voicebot is doing: initializing, listening, thinking or speaking (`lk.agent.state`)."""

    state: str


@dataclass(frozen=True, slots=True)
class RoomReconnecting:
    """LiveKit is repairing the connection by itself."""


@dataclass(frozen=True, slots=True)
class RoomReconnected:
    """The connection to the room is back."""


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """The room is closed for good."""

    reason: RoomEnd


RoomEvent = VoicebotArrived | VoicebotGone | TrackGone | AgentState | RoomReconnecting | RoomReconnected | RoomClosed
