"""What the media loop tells the main loop about one call. Immutable, so that two threads may hold them."""

from dataclasses import dataclass

from bot.provider import RoomMessage
from bot.room.events import RoomEvent
from bot.voice.close_codes import Remedy
from bot.voice.gateway import VoiceServerInfo


@dataclass(frozen=True, slots=True)
class VoiceResuming:
    """The voice websocket broke; the session is being resumed. Sound may go on over UDP."""


@dataclass(frozen=True, slots=True)
class VoiceResumed:
    """The voice session was resumed successfully."""


@dataclass(frozen=True, slots=True)
class VoiceLost:
    """The session on `server` is over; `remedy` says what the main gateway can do about it."""

    server: VoiceServerInfo
    remedy: Remedy
    meaning: str


@dataclass(frozen=True, slots=True)
class SpeakingChanged:
    """Someone in the channel started or stopped speaking, by the sound itself. `at` is `time.monotonic()`; `delay` is
    how many seconds their sound takes from its packet to the room."""

    user_id: int
    speaking: bool
    at: float
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class VoicebotSpeaking:
    """The voicebot started or stopped speaking, by the sound itself. Times are `time.monotonic()`."""

    speaking: bool
    at: float
    #: When the first sound of what it says came from the room, and went to Discord.
    arrived: float = 0.0
    played: float = 0.0


@dataclass(frozen=True, slots=True)
class Undecryptable:
    """Someone has been speaking for seconds, and nothing of it can be decrypted."""

    user_id: int


@dataclass(frozen=True, slots=True)
class Unowned:
    """Somebody has been speaking for seconds, but Discord has not identified them and no key decrypts their packets."""


MediaEvent = (
    VoiceResuming
    | VoiceResumed
    | VoiceLost
    | SpeakingChanged
    | VoicebotSpeaking
    | Undecryptable
    | Unowned
    | RoomEvent
    | RoomMessage
)
