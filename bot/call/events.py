"""What a call tells its plugins."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from bot.billing.receipts import ReceiptObserver
from bot.provider import Role, ShownImage

if TYPE_CHECKING:
    from .call import Call


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """A line of what is said. `speakers` are user ids, longest speaker first; more than one means it may be any of
    them."""

    role: Role
    text: str
    final: bool
    speakers: tuple[int, ...] = ()
    late: bool = False  # missed live, and found in the provider's own transcript after the call


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something that happens in a call. `hook` is the plugins' method for it, which gets the call and the event's
    fields in their order: a new event is a class here and a method of `bot.plugin_host.plugin.Plugin`."""

    hook: ClassVar[str]
    #: Whether the event soon loses its meaning: a plugin that is far behind no longer gets it.
    transient: ClassVar[bool] = False

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the hook gets besides the call."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @property
    def matters(self) -> bool:
        """Whether a plugin must be told of it, however late."""
        return not self.transient


@dataclass(frozen=True, slots=True)
class CallStarted(CallEvent):
    """The call has become live."""

    hook = "on_call_started"


@dataclass(frozen=True, slots=True)
class CallMoved(CallEvent):
    """The call goes on in another voice channel."""

    hook = "on_call_moved"


@dataclass(frozen=True, slots=True)
class HandedOver(CallEvent):
    """Somebody else is the call's host now; user `before` was it."""

    hook = "on_handed_over"
    before: int


@dataclass(frozen=True, slots=True)
class LineSaid(CallEvent):
    """A line was said, or is being said."""

    hook = "on_transcript"
    line: TranscriptLine

    @property
    def matters(self) -> bool:
        """Whether it is finished: of one that is not, there is more to come."""
        return self.line.final


@dataclass(frozen=True, slots=True)
class ImageShown(CallEvent):
    """The voicebot shows a picture."""

    hook = "on_image"
    image: ShownImage


@dataclass(frozen=True, slots=True)
class PersonSpeaking(CallEvent):
    """A person has started or stopped speaking."""

    hook = "on_speaking"
    transient = True
    user_id: int
    speaking: bool


@dataclass(frozen=True, slots=True)
class VoicebotState(CallEvent):
    """The voicebot says what it is doing."""

    hook = "on_voicebot_state"
    transient = True
    state: str


@dataclass(frozen=True, slots=True)
class WarningGiven(CallEvent):
    """Something is wrong that people should know."""

    hook = "on_warning"
    text: str


@dataclass(frozen=True, slots=True)
class NoticeGiven(CallEvent):
    """What was wrong works again."""

    hook = "on_notice"
    text: str


class CallObserver(ReceiptObserver, Protocol):
    """Is told about calls: the plugin host."""

    async def starting(self, call: "Call") -> None:
        """Ask before anything is opened; Refused vetoes the call."""
        ...

    def publish(self, call: "Call", event: CallEvent) -> None:
        """Tell of something that has happened in a call. Returns at once."""
        ...

    async def finished(self, call: "Call") -> None:
        """Deliver what is left of the above: the call is over, whether it ever became live or not."""
        ...
