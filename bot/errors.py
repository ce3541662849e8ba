"""Every error Parley raises on purpose, and the words each has for the person in front of Discord.

    ParleyError
    ├── ConfigError              a setting is wrong: file, line and key
    ├── PluginError              a plugin's code, class or manifest cannot be used: file, and line where there is one
    ├── FlightRecordError        a flight record cannot be read: file and line
    ├── SecretError              a token or key in the environment cannot be one
    ├── LedgerError              the ledger of billed sessions cannot be read or written
    ├── Refused                  the request cannot be granted as things are: permissions, no channel, call running
    ├── VoiceError               Discord's voice side failed
    │   ├── ChannelFull          ... since the channel is full
    │   ├── VoiceBlocked         ... since no sound gets through
    │   └── VoiceClosed          ... with one of the voice gateway's close codes
    ├── RoomError                the LiveKit room failed
    └── ProviderError            the voicebot provider failed or said no
        ├── RequestRejected      400, 422: the request makes no sense to the provider
        ├── KeyRejected          401: API key missing or wrong
        ├── OutOfCredits         402
        ├── NotAllowed           403: the voicebot or session belongs to someone else
        ├── VoicebotNotFound     404
        ├── WrongAddress         a web page's 404: this is not the provider's API
        ├── RateLimited          429, with the seconds to wait
        ├── ProviderDown         5xx, or not reachable: nothing was opened
        ├── OutcomeUnknown       no answer to a request that was sent: a session may have been opened
        └── BadAnswer            an answer that is not what the contract says

`str(error)` is for the log and names no secret; `error.for_user` is one short sentence or two for a private message,
with the way out in it.
"""

from dataclasses import dataclass
from pathlib import Path


class ParleyError(Exception):
    """The base of all errors; `for_user` defaults to the message."""

    def __init__(self, message: str, *, for_user: str | None = None) -> None:
        super().__init__(message)
        self.for_user = for_user or message


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a config file something stands; line and column count from 1."""

    file: Path
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting, and where it stands."""

    place: Place
    key: str  # dotted path, empty for the file as a whole
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ConfigError(ParleyError):
    """One or more settings are wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    @classmethod
    def at(cls, place: Place, message: str, key: str = "") -> "ConfigError":
        """Make the error for a single wrong setting."""
        return cls([Problem(place, key, message)])


class PluginError(ParleyError):
    """A plugin cannot be used."""


class FlightRecordError(ParleyError):
    """A flight record cannot be read; the message names the file, and the line where there is one."""


class SecretError(ParleyError):
    """What an environment variable holds cannot be a secret; the message names the variable alone."""


class LedgerError(ParleyError):
    """The ledger failed. Before a session is opened that refuses it; afterwards the call goes on."""


class Refused(ParleyError):
    """The request cannot be granted; the message is for the user already."""


class VoiceError(ParleyError):
    """The connection to Discord's voice server failed."""


class VoiceBlocked(VoiceError):
    """No sound gets through although the handshake succeeded; another attempt rarely helps."""


class ChannelFull(VoiceError):
    """The voice channel is full."""


class VoiceClosed(VoiceError):
    """The voice gateway closed the connection."""

    def __init__(self, code: int, meaning: str) -> None:
        super().__init__(f"voice gateway closed with {code}: {meaning}", for_user=meaning)
        self.code = code


class RoomError(ParleyError):
    """The LiveKit room could not be joined or was lost."""


class ProviderError(ParleyError):
    """The provider failed or said no; nothing is billed unless a subclass says otherwise."""

    #: Whether the provider may have opened a session all the same.
    may_have_opened = False


class RequestRejected(ProviderError):
    """The provider does not accept the request (400, 422)."""


class KeyRejected(ProviderError):
    """The provider does not accept the key (401)."""


class OutOfCredits(ProviderError):
    """The account has no credits left (402)."""


class NotAllowed(ProviderError):
    """The key may not use this voicebot (403)."""


class VoicebotNotFound(ProviderError):
    """The provider's API itself answered 404: there is no such voicebot, or session."""


class WrongAddress(ProviderError):
    """A web page answered 404: whatever was meant, it did not reach the provider's API."""


class RateLimited(ProviderError):
    """The provider answered 429; `retry_after` is in seconds, None when it did not say."""

    def __init__(self, message: str, *, for_user: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, for_user=for_user)
        self.retry_after = retry_after


class ProviderDown(ProviderError):
    """The provider answered 5xx, or the request never left."""


class OutcomeUnknown(ProviderError):
    """The request was sent and no answer came: it must not be repeated."""

    may_have_opened = True


class BadAnswer(ProviderError):
    """The answer cannot be read. A session may be open; `reference` ends it when the answer named one."""

    may_have_opened = True

    def __init__(self, message: str, *, for_user: str | None = None, reference: str | None = None) -> None:
        super().__init__(message, for_user=for_user)
        self.reference = reference
