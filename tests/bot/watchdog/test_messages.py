"""What crosses the line arrives as it was sent, and nonsense ends the talk instead of the process."""

import asyncio
from datetime import UTC, datetime

import pytest

from bot.errors import (
    BadAnswer,
    KeyRejected,
    LedgerError,
    OutcomeUnknown,
    ParleyError,
    ProviderError,
    RateLimited,
    WrongAddress,
)
from bot.language import Text, say, say_n
from bot.provider import VoicebotSession
from bot.watchdog import messages
from bot.watchdog.messages import Message, NotOpened, Open, Opened, Ready, Words
from tests.bot.billing.records import record


async def _through(message: Message) -> Message | None:
    reader = asyncio.StreamReader(limit=messages.LINE_LIMIT)

    class Writer:
        def write(self, data: bytes) -> None:
            reader.feed_data(data)

    messages.write(Writer(), message)  # type: ignore[arg-type]
    return await messages.read(reader)


async def test_a_wish() -> None:
    wish = Open(number=7, record=record(voicebot_name="Güide"), participant="The Museum", deadline=5.0)
    assert await _through(wish) == wish


async def test_the_first_word() -> None:
    assert await _through(Ready()) == Ready()


async def test_a_session() -> None:
    session = VoicebotSession(
        "room", "wss://livekit", "secret", "Guide", None, {"vase": "https://x/y.png"}, datetime(2026, 1, 1, tzinfo=UTC)
    )
    answer = await _through(Opened(number=7, session=session))
    assert isinstance(answer, Opened)
    assert answer.session == session
    assert "secret" not in repr(answer)


@pytest.mark.parametrize(
    "error",
    [
        KeyRejected("HTTP 401", for_user="the key"),
        RateLimited("HTTP 429", for_user="wait", retry_after=7.0),
        BadAnswer("no token", for_user="odd", reference="room-1"),
        OutcomeUnknown("lost", for_user="unknown"),
        WrongAddress("HTTP 404", for_user="wrong"),
        LedgerError("full", for_user="full"),
    ],
)
async def test_an_error_keeps_its_kind_and_its_words(error: ParleyError) -> None:
    answer = await _through(NotOpened.of(7, error))
    assert isinstance(answer, NotOpened)
    same = answer.exception()
    assert type(same) is type(error)
    assert (str(same), same.for_user) == (str(error), error.for_user)
    for name in ("retry_after", "reference", "may_have_opened"):
        assert getattr(same, name, None) == getattr(error, name, None)


async def test_words_can_still_be_put_into_another_language() -> None:
    inner = say_n("{count} second", "{count} seconds", count=7)
    said = say("There was none in {duration}: {text}", duration=inner, text="a {brace}")
    answer = await _through(NotOpened.of(7, ProviderError("", for_user=said)))
    assert isinstance(answer, NotOpened)
    for_user = answer.exception().for_user
    assert for_user == "There was none in 7 seconds: a {brace}"
    assert isinstance(for_user, Text)
    assert (for_user.template, dict(for_user.values)) == (said.template, dict(said.values))


def test_a_name_from_elsewhere_makes_no_other_class() -> None:
    odd = NotOpened(number=1, error="dataclass", message="m", for_user=Words(template="u"))
    assert type(odd.exception()) is ProviderError


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b'{"kind": "open"}\n', b'{"kind": "opened"', b"\xff\n"])
async def test_nonsense_is_the_end_of_the_talk(line: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(line)
    reader.feed_eof()
    assert await messages.read(reader) is None


async def test_a_line_without_an_end_is_too() -> None:
    reader = asyncio.StreamReader(limit=100)
    reader.feed_data(b"x" * 1000)
    assert await messages.read(reader) is None
