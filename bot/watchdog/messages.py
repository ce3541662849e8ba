"""What the bot and its watchdog say to each other: JSON, one message per line, over a socket pair."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bot import errors
from bot.billing.ledger import SessionRecord
from bot.errors import BadAnswer, LedgerError, OutcomeUnknown, ParleyError, ProviderError, RateLimited
from bot.language import Text, say
from bot.provider import VoicebotSession
from bot.recorder.exchanges import Exchange

LINE_LIMIT = 1 << 26  # bytes; a session may bring thousands of pictures


class Ready(BaseModel):
    """Watchdog to bot, first of all: the ledger is open and requests are taken. Without it, nothing can have been
    opened."""

    kind: Literal["ready"] = "ready"


class Open(BaseModel):
    """Bot to watchdog: open this session."""

    kind: Literal["open"] = "open"
    number: int
    record: SessionRecord
    participant: str
    observed: bool = False  # whether the answer tells of the requests that were made
    deadline: float  # when the bot stops waiting, by `time.monotonic()`, which all processes of a machine share


class Opened(BaseModel):
    """Watchdog to bot: the session that was opened. Carries the room's token, so it is never logged."""

    kind: Literal["opened"] = "opened"
    number: int
    session: VoicebotSession
    exchanges: tuple[Exchange, ...] = ()


class Words(BaseModel):
    """A sentence for the user, as it was made: the bot puts it into the user's language."""

    template: str
    plural: str | None = None
    values: "dict[str, Words | int | str]" = {}

    @classmethod
    def of(cls, text: str) -> "Words":
        """Make the message for a `Text`, or for a plain str."""
        if not isinstance(text, Text):
            return cls(template="{text}", values={"text": text})
        values = {n: cls.of(v) if isinstance(v, Text) else v for n, v in text.values.items()}
        return cls(template=text.template, plural=text.plural, values=values)

    def text(self) -> Text:
        """Return the sentence, to be translated again."""
        values = {n: v.text() if isinstance(v, Words) else v for n, v in self.values.items()}
        return Text(self.template, values, self.plural)


class NotOpened(BaseModel):
    """Watchdog to bot: the error of a request that failed, by the name of its class."""

    kind: Literal["not opened"] = "not opened"
    number: int
    error: str
    message: str
    for_user: Words
    retry_after: float | None = None
    reference: str | None = None
    exchanges: tuple[Exchange, ...] = ()

    @classmethod
    def of(cls, number: int, error: ParleyError, exchanges: Iterable[Exchange] = ()) -> "NotOpened":
        """Make the answer for a request that failed with this error."""
        return cls(
            exchanges=tuple(exchanges),
            number=number,
            error=type(error).__name__,
            message=str(error),
            for_user=Words.of(error.for_user),
            retry_after=getattr(error, "retry_after", None),
            reference=getattr(error, "reference", None),
        )

    def exception(self) -> ParleyError:
        """Return the error that was raised in the watchdog."""
        for_user = self.for_user.text()
        kind = getattr(errors, self.error, ProviderError)
        if kind is RateLimited:
            return RateLimited(self.message, for_user=for_user, retry_after=self.retry_after)
        if kind is BadAnswer:
            return BadAnswer(self.message, for_user=for_user, reference=self.reference)
        if isinstance(kind, type) and issubclass(kind, ProviderError | LedgerError):
            return kind(self.message, for_user=for_user)
        return ProviderError(self.message, for_user=for_user)


Message = Ready | Open | Opened | NotOpened
_ANY: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def write(writer: asyncio.StreamWriter, message: Message) -> None:
    """Queue a message for sending."""
    writer.write(_ANY.dump_json(message) + b"\n")


async def read(reader: asyncio.StreamReader) -> Message | None:
    """Read the next message; None when the other side is gone or sends invalid data."""
    try:
        line = await reader.readline()
        return _ANY.validate_json(line) if line.endswith(b"\n") else None
    except (OSError, ValueError, ValidationError):
        return None


def lost(record: SessionRecord, what: str = "died") -> OutcomeUnknown:
    """Return the error for a watchdog that died, or froze, in the middle of a request."""
    return OutcomeUnknown(
        f"the watchdog {what} while it opened session {record.id}",
        for_user=say(
            "Something went wrong inside the bot while it opened the session, which may be open all the same: "
            "check the usage at the provider before you try again."
        ),
    )
