"""What a voicebot provider must offer: open a session, end it, and explain what its voicebot sends into the room.

A provider is a plugin (`plugins/valsea` is one); the core knows it only by this protocol. Errors are the
`ProviderError` family, with words for the user in them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

Role = Literal["user", "voicebot"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line of what is said, as the voicebot's side understood it. Interims carry the full text so far, not the
    difference."""

    role: Role
    text: str
    final: bool
    segment: str | None = None  # the same for all versions of one utterance, when the source says


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The voicebot shows a picture: by key, by address, or both. At least one is set."""

    key: str | None
    url: str | None


RoomMessage = Utterance | ShownImage


@dataclass(frozen=True, slots=True)
class VoicebotSession:
    """An open, billed session. `reference` is what ends it; the token stays out of any repr."""

    reference: str
    room_url: str
    room_token: str = field(repr=False)
    voicebot_name: str | None = None
    avatar_url: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)  # key -> URL
    expires_at: datetime | None = None  # of the token


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The provider confirmed that a session is over; `credits` when it told what the session used."""

    already_gone: bool = False
    credits: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A line of the transcript as the provider kept it."""

    role: Role
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The account that pays for a session: what is needed to end the session even if the config has changed."""

    key_name: str  # the environment variable with the key; never the key itself
    endpoint: str
    #: A hash that distinguishes keys without revealing them (`key_fingerprint`); None in older sessions.
    key_fingerprint: str | None = field(default=None, compare=False)


def key_fingerprint(key: str) -> str:
    """Return 32 bits of a key's hash: enough to see that it was replaced, too few to find the key."""
    return hashlib.sha256(b"parley key mark:" + key.encode()).hexdigest()[:8]


class Provider(Protocol):
    """One provider account. Every method may raise ProviderError."""

    #: As it is called in messages to users.
    title: str
    account: Account

    @property
    def answer_timeout(self) -> float:
        """Seconds after which people are told that there is no answer; `open_session` itself goes on waiting."""
        ...

    async def open_session(self, voicebot: str, participant: str) -> VoicebotSession:
        """Open a session, which bills from now on. Never retried; `OutcomeUnknown` when it may be open all the same.

        It waits far longer than anyone would, since a late answer is the only way to learn what must be ended.
        """
        ...

    async def end_session(self, reference: str) -> SessionEnd:
        """Make one attempt to end a session; ProviderError when the provider did not confirm it."""
        ...

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """Return all pictures of a voicebot, key -> URL, for when the session's own are not enough."""
        ...

    async def messages(self, reference: str) -> Sequence[StoredMessage]:
        """Return the stored transcript of a session, oldest first."""
        ...

    def read_packet(self, payload: bytes) -> Sequence[RoomMessage]:
        """Return what a data packet in the room means; empty for anything unknown, never an error."""
        ...

    async def close(self) -> None:
        """Close the connections to the provider."""
        ...


@runtime_checkable
class Probing(Protocol):
    """A provider that can find out where its service differs from what its documentation says, or leaves open."""

    async def probe(self, session: VoicebotSession, voicebot: str, begin: Callable[[str], None]) -> None:
        """Make requests whose answers the live check records, while a session is open. They must cost nothing.

        `begin` is told the name of each before its requests, one word of the provider's own choice; the provider's
        assumptions look for it in the flight record. Raises nothing but cancellation.
        """
        ...
