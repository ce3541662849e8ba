"""A receipt stands in the channel once, wherever the bot died."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.receipt import Receipt
from plugins.voicebot import messages
from plugins.voicebot.receipts import post_once
from tests.bot.billing.records import record

RECORD = record(state=SessionState.CLOSED, opened_at=1000.0, closed_at=1090.0, reason=EndReason.EMPTY, billed_minutes=2)
ME = SimpleNamespace(id=99)


def _refusal() -> discord.Forbidden:
    return discord.Forbidden(SimpleNamespace(status=403, reason="Forbidden"), "Missing Permissions")  # type: ignore[arg-type]


class Channel:
    """What stands in it, and what is posted; `closed` to the bot for reading, writing or both."""

    def __init__(self, *messages: Any, closed: str = "") -> None:
        self.guild = SimpleNamespace(me=ME)
        self.messages = messages
        self.closed = closed
        self.sent: list[dict[str, Any]] = []
        self.asked_after: datetime | None = None

    async def history(self, *, limit: int | None, after: datetime, oldest_first: bool) -> AsyncIterator[Any]:
        self.asked_after = after
        if "read" in self.closed:
            raise _refusal()
        for message in self.messages:
            yield message

    async def send(self, **message: Any) -> None:
        if "write" in self.closed:
            raise _refusal()
        self.sent.append(message)


def _message(author: Any, receipt: Receipt) -> Any:
    return SimpleNamespace(author=author, embeds=[messages.receipt(receipt, "en")], components=[])


class OldPanel:
    """What a crash has left: it says that the call is live, and has buttons."""

    def __init__(self, session_id: str) -> None:
        embed = discord.Embed(title="Guide").add_field(name="State", value="live")
        self.author = ME
        embed.add_field(name="Started", value="now").add_field(name="Billed minutes", value="about 1")
        self.embeds = [embed.set_footer(text=messages.panel_marker(session_id))]
        self.components = ["buttons"]
        self.edits: list[dict[str, Any]] = []

    async def edit(self, **changes: Any) -> None:
        self.edits.append(changes)


RECOVERED, OWN = Receipt.of(RECORD, recovered=True), Receipt.of(RECORD, recovered=False)


async def test_a_new_one_is_posted_with_a_nonce_and_nothing_is_read() -> None:
    channel = Channel()
    await post_once(channel, OWN, "en")
    (message,) = channel.sent
    assert message["nonce"] == "receipt-s1"
    assert len(message["nonce"]) <= 25  # Discord's limit
    assert channel.asked_after is None


async def test_one_that_stands_there_is_not_posted_again() -> None:
    channel = Channel(_message(ME, RECOVERED))
    await post_once(channel, RECOVERED, "en")
    assert channel.sent == []
    assert channel.asked_after == datetime.fromtimestamp(940, UTC)  # a minute before the call began


@pytest.mark.parametrize(
    "message",
    [
        _message(SimpleNamespace(id=7), RECOVERED),  # somebody else's copy proves nothing
        _message(ME, Receipt.of(record("s2", opened_at=1.0, reason=EndReason.EMPTY), recovered=True)),
    ],
)
async def test_another_is_not_this_one(message: Any) -> None:
    channel = Channel(message)
    await post_once(channel, RECOVERED, "en")
    assert len(channel.sent) == 1


async def test_that_the_outcome_was_unknown_is_another_message_than_what_came_of_it() -> None:
    unknown = Receipt.of(record(state=SessionState.UNKNOWN, opened_at=1000.0, billed_minutes=1), recovered=True)
    channel = Channel(_message(ME, unknown))
    await post_once(channel, RECOVERED, "en")
    await post_once(Channel(_message(ME, unknown)), unknown, "en")
    (message,) = channel.sent
    assert message["nonce"] == "receipt-s1"


async def test_without_reading_it_is_posted_and_the_nonce_must_do() -> None:
    channel = Channel(closed="read")
    await post_once(channel, RECOVERED, "en")
    assert len(channel.sent) == 1


async def test_without_writing_it_stays_due() -> None:
    """A refusal of now is not for ever: a moderator may have timed the bot out."""
    with pytest.raises(discord.Forbidden):
        await post_once(Channel(closed="write"), OWN, "en")


async def test_where_the_channel_is_gone_it_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    channel = Channel()
    response: Any = SimpleNamespace(status=404, reason="Not Found")

    async def gone(**_: object) -> None:
        raise discord.NotFound(response, {"code": 10003, "message": "Unknown Channel"})

    channel.send = gone  # type: ignore[method-assign]
    await post_once(channel, OWN, "en")
    assert "could not be posted" in caplog.text


def test_the_longest_session_id_fits_into_a_nonce() -> None:
    assert len(f"receipt-{'f' * 12}") <= 25


async def test_a_panel_that_a_crash_left_behind_is_ended() -> None:
    own, anothers = OldPanel(RECORD.id), OldPanel("another")
    channel = Channel(anothers, own)
    await post_once(channel, RECOVERED, "en")
    assert len(channel.sent) == 1
    assert anothers.edits == []
    (edit,) = own.edits
    assert edit["view"] is None
    assert [(field.name, field.value) for field in edit["embed"].fields] == [
        ("State", "ended"),
        ("Duration", "1:30"),
        ("Billed minutes", "about 2"),
    ]
