"""The live message of a call: kept up to date, renewed before it is too old, and without buttons at the end."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from bot.api import CallState
from bot.language import say
from bot.media.consent import Consent
from bot.testing.discord_parts import Channel, Guild, Posted, refusal
from plugins.voicebot import panel as module
from plugins.voicebot.panel import TOO_OLD, Panel, PanelButtons
from tests.support import eventually

RECEIPT: Any = SimpleNamespace(duration=61.0, billed_minutes=2, cost=None, confirmed=True)


class PlayedPanel:
    """A panel in a channel of a server, and its call."""

    def __init__(self) -> None:
        self.channel = Channel(1, "talk", Guild(1, "A server", discord.Locale.british_english))
        self.call: Any = SimpleNamespace(
            id="c1",
            voicebot_name="Guide",
            state=CallState.LIVE,
            started_at=discord.utils.utcnow(),
            billed_minutes=1,
            elapsed=0.0,
            consent=Consent(ask_first=False, hear_bots=False),
        )

        async def nothing(_: Any) -> None: ...

        buttons = PanelButtons(nothing, (say("Mute me for the bot"), nothing), nothing, lambda *_: False, "en")
        self.panel = Panel(self.call, self.channel, buttons, "en")

    async def begin(self) -> None:
        await self.panel.post(say("{person} started a call.", person="Ann"))
        self.panel.keeper = asyncio.create_task(self.panel.run())

    @property
    def last(self) -> Posted:
        return self.channel.posted[-1]

    def field(self, name: str) -> str | None:
        """What a field of the last message says."""
        (embed,) = self.last.embeds
        return next((str(field.value) for field in embed.fields if field.name == name), None)


@pytest.fixture
async def played(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlayedPanel]:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.001)
    played = PlayedPanel()
    yield played
    keeper = played.panel.keeper
    if keeper is not None:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def test_it_shows_who_was_heard_and_what_is_wrong(played: PlayedPanel) -> None:
    await played.begin()
    assert played.field("Heard so far") == "nobody yet"
    played.panel.heard(7)
    await eventually(lambda: played.field("Heard so far") == "<@7>")
    played.panel.warn("The line is bad.")
    await eventually(lambda: played.field("Last warning") == "The line is bad.")
    played.panel.warn(None)
    await eventually(lambda: played.field("Last warning") is None)
    played.call.consent.set(7, False)
    played.panel.changed()
    await eventually(lambda: played.field("Not heard, by their choice") == "<@7>")
    assert played.field("Heard so far") == "nobody yet"
    assert len(played.channel.posted) == 1


async def test_it_names_a_dozen_people_and_counts_the_others(played: PlayedPanel) -> None:
    await played.begin()
    for user_id in range(1, module.MAX_NAMES + 4):
        played.panel.heard(user_id)
    await eventually(lambda: (played.field("Heard so far") or "").endswith(f"<@{module.MAX_NAMES}>, and 3 more"))


async def test_nothing_is_edited_when_nothing_looks_different(played: PlayedPanel) -> None:
    await played.begin()
    for _ in range(5):
        played.panel.changed()
        await asyncio.sleep(0.01)
    assert played.last.edits == 0


@pytest.mark.parametrize("why", ["age", "discord"])
async def test_one_that_is_too_old_is_posted_afresh_and_only_the_new_one_has_buttons(
    played: PlayedPanel, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    await played.begin()
    first = played.last
    if why == "age":
        monkeypatch.setattr(module, "REPLACE_AFTER", 0.0)
    else:
        too_old = refusal(429, "Maximum number of edits to messages older than 1 hour reached")
        too_old.code = TOO_OLD

        async def refuse(message: Posted, **changes: Any) -> Posted:
            if message is first and "embed" in changes:
                raise too_old
            return await edit(message, **changes)

        edit = Posted.edit
        monkeypatch.setattr(Posted, "edit", refuse)
        played.panel.heard(7)
        await asyncio.sleep(0.01)
    played.panel.heard(8)
    await eventually(lambda: first.view is None)
    second = played.channel.posted[1]
    assert second.content == first.content
    assert second.view is not None or why == "age"  # there it is too old itself by now


async def test_the_last_edit_takes_the_buttons_and_gives_the_minutes(played: PlayedPanel) -> None:
    await played.begin()
    await played.panel.end(RECEIPT)
    assert played.last.view is None
    assert played.field("State") == "ended"
    assert played.field("Duration") is not None
    assert played.panel.keeper is not None
    await eventually(lambda: cast("asyncio.Task[None]", played.panel.keeper).done())


async def test_one_that_is_being_renewed_when_the_call_ends_keeps_no_buttons_either(
    played: PlayedPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord takes the new message after the call is over."""
    await played.begin()
    send, sending, answer = played.channel.send, asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any, **more: Any) -> Posted:
        sending.set()
        await answer.wait()
        return await send(*arguments, **more)

    monkeypatch.setattr(played.channel, "send", slowly)
    monkeypatch.setattr(module, "REPLACE_AFTER", 0.0)
    played.panel.changed()
    await sending.wait()
    ending = asyncio.create_task(played.panel.end(RECEIPT))
    await asyncio.sleep(0)
    answer.set()
    await ending
    assert [message.view for message in played.channel.posted] == [None, None]


async def test_one_that_somebody_has_deleted_does_not_come_back(
    played: PlayedPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await played.begin()

    async def gone(*_: Any, **__: Any) -> None:
        raise refusal(404, "Unknown Message")

    monkeypatch.setattr(Posted, "edit", gone)
    played.panel.heard(7)
    assert played.panel.keeper is not None
    async with asyncio.timeout(5):
        await played.panel.keeper
    await played.panel.end(RECEIPT)
    assert len(played.channel.posted) == 1
