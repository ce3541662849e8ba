"""What the parts of a call report to the flight recorder. They hold what came over the wire, and are redacted later."""

from dataclasses import dataclass
from typing import Any, Literal

#: As the bot sees it.
Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class GatewayMessage:
    """A message of the voice gateway: a JSON body's `d`, or the payload of a binary opcode."""

    direction: Direction
    op: int
    data: Any


@dataclass(frozen=True, slots=True)
class GatewayClosed:
    """The voice websocket is gone; `code` is the server's, None when the connection just broke."""

    code: int | None


@dataclass(frozen=True, slots=True)
class PacketSample:
    """The first bytes of a datagram, which are in clear; `skipped` of the same SSRC came since the last sample."""

    direction: Direction
    head: bytes
    size: int
    skipped: int


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """The end-to-end encryption after a message that concerns it; `members` is how many others' keys there are."""

    version: int
    ready: bool
    members: int
    recoveries: int


@dataclass(frozen=True, slots=True)
class RoomData:
    """A data packet in the room. `kind` is the participant's by LiveKit's names, None for the server's API; `read` says
    what the provider made of it."""

    topic: str | None
    kind: str | None
    sender: str
    payload: bytes
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomStream:
    """A text stream in the room, at its begin."""

    topic: str
    sender: str
    size: int | None
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class RoomParticipant:
    """A participant was there already, came or left; `kind` is by LiveKit's names."""

    what: Literal["there", "joined", "left"]
    identity: str
    kind: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class RoomTrack:
    """A participant's track can be heard or seen, or no more."""

    what: Literal["came", "gone"]
    sid: str
    media: Literal["audio", "video"]
    identity: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The call is in another state; `reason` is why it ends."""

    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Probe:
    """The requests to the provider that follow are made to see its answers; `what` names them, in a word of ours."""

    what: str


@dataclass(frozen=True, slots=True)
class Happened:
    """One of the call's own events, or a verdict of its guards: a dataclass whose fields are redacted by their
    names."""

    event: Any
