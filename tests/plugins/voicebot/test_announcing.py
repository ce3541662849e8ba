"""People must know that they are heard, whatever Discord has just then."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.testing.discord_parts import refusal
from bot.testing.server import PlayedServer
from plugins.voicebot import announcing as module
from plugins.voicebot import posting
from tests.support import eventually

FOLDER = Path(module.__file__).parent


def of_plugin(server: PlayedServer, module: str) -> Any:
    """A module of the plugin as it is loaded, under the name that plugins in folders have."""
    return sys.modules[f"{type(server.plugin).__module__.rpartition('.')[0]}.{module}"]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlayedServer]:
    server = await PlayedServer.open(FOLDER)
    monkeypatch.setattr(of_plugin(server, "announcing"), "ANNOUNCE_TIMEOUT", 0.05)
    yield server
    await server.close()


async def test_what_discord_does_not_take_is_said_again_until_it_does(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.advance(3 * posting.RETRY_MIN)
    assert server.messages == []
    server.text.refusal = None
    await server.advance(4 * posting.RETRY_MIN)
    (announced,) = server.messages
    assert "Guide" in announced
    await server.advance(5 * posting.RETRY_MIN)
    assert len(server.messages) == 1
    await server.end()
    assert server.failures == []


async def test_nobody_is_told_of_a_call_that_is_over(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.end()
    server.text.refusal = None
    before = len(server.messages)
    assert await server.start()
    assert len(server.messages) == before + 1
    await server.advance(10 * posting.RETRY_MAX)
    assert len(server.messages) == before + 1


async def test_words_that_discord_never_answers_to_do_not_outlive_the_call(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(of_plugin(server, "announcing"), "FINAL_ANNOUNCE_TIMEOUT", 0.01)
    with monkeypatch.context() as silent:
        silent.setattr(server.text, "send", hangs)
        await server.start()
        assert len(server.plugin.tasks) > 0
    await server.end()
    await eventually(lambda: len(server.plugin.tasks) == 0)


async def test_a_panel_that_comes_late_knows_what_has_happened(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.say("Ben", "hello")
    await server.warn("The line is bad.")
    server.text.refusal = None
    await server.advance(posting.RETRY_MIN)
    (announced,) = server.messages
    assert f"<@{server.person('Ben').id}>" in announced
    assert "The line is bad." in announced
    await server.end()
    assert all(not message.view for message in server.text.posted)


async def test_it_is_tried_less_and_less(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.advance(3600)
    assert 50 < server.text.refused < 80
    await server.end()


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_call_of_which_people_can_never_be_told_ends(server: PlayedServer, status: int) -> None:
    server.text.refusal = refusal(status, "no")
    await server.start()
    await server.advance(20 * posting.RETRY_MIN)
    assert server.text.refused <= posting.MAX_REFUSALS + 1  # and the receipt
    assert server.call is None


async def test_people_are_told_where_they_are_and_who_comes_later_once(server: PlayedServer) -> None:
    await server.join_voice("Ann")
    await server.start()
    await server.settle()
    (here,) = [message.content for message in server.voice.posted]
    assert "Guide is in this voice channel and hears what is said here" in here
    assert "<#" in here
    for _ in range(2):
        await server.join_voice("Ben")
        await server.join_voice("Cleo")
        await server.advance(2 * module.JOINERS_WINDOW)
    _, late = [message.content for message in server.voice.posted]
    ben, cleo = server.person("Ben"), server.person("Cleo")
    assert late.startswith(f"{ben.mention}, {cleo.mention}: Guide is in this voice channel")
    await server.join_voice("Ann")
    await server.advance(2 * module.JOINERS_WINDOW)
    assert len(server.voice.posted) == 2
    await server.end()
    assert server.failures == []


async def test_where_words_go_no_longer_people_are_told_in_their_channel(server: PlayedServer) -> None:
    await server.start()
    server.text.refusal = refusal(403, "Missing Permissions")
    await server.warn("The thread was locked.")
    assert any("The thread was locked." in message.content for message in server.voice.posted)
    server.text.refusal = None
    await server.end()


async def test_a_fault_of_ours_keeps_nobody_from_being_told_later(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(type(server.plugin), "_begin", fails)
        await server.start()
        assert server.messages == []
    await server.advance(2 * posting.RETRY_MIN)
    assert len(server.messages) == 1


async def test_a_call_that_moves_is_told_of_in_both_channels(server: PlayedServer) -> None:
    await server.start()
    await server.move()
    for place in (server.text, server.other_voice):
        assert f"is in {server.other_voice.mention} now. It hears everyone" in place.posted[-1].content
    await server.move()
    assert f"is in {server.voice.mention} now" in server.voice.posted[-1].content
    assert len(server.other_voice.posted) == 1


async def test_a_chat_that_is_closed_to_the_bot_is_no_reason_to_try_again(server: PlayedServer) -> None:
    await server.start()
    server.other_voice.refusal = refusal(403, "Missing Permissions")
    await server.move()
    await server.advance(600)
    assert server.other_voice.refused == 1
    assert server.other_voice.mention in server.text.posted[-1].content


async def test_nobody_is_told_that_they_are_heard_where_the_call_no_longer_is(server: PlayedServer) -> None:
    """Discord takes the words of a move when the call has gone back."""
    await server.start()
    server.other_voice.refusal = refusal(500, "trouble")
    await server.move()
    server.other_voice.refusal = None
    await server.move()
    await server.advance(600)
    assert server.other_voice.posted == []
    assert server.voice.mention in server.voice.posted[-1].content


async def test_a_call_that_moved_before_its_first_words_says_where_it_is(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.move()
    server.text.refusal = None
    await server.advance(10 * posting.RETRY_MIN)
    assert not any(server.voice.mention in message for message in server.messages)
    assert any("Guide" in message and server.other_voice.mention in message for message in server.messages)


async def test_who_has_the_call_now_is_said_and_takes_no_warning_away(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_plugin(server, "panel"), "REFRESH_INTERVAL", 0.01)
    await server.start("Ann")
    await server.warn("The line is bad.")
    await server.hand_over("Ben")
    ann, ben = server.person("Ann").id, server.person("Ben").id
    assert server.messages[-1] == f"<@{ann}> has left, so <@{ben}> is the host of the call now."
    await asyncio.sleep(0.1)
    assert "The line is bad." in server.messages[0]
    await server.notice("The line is good again.")
    await eventually(lambda: "The line is bad." not in server.messages[0])


async def test_the_voicebots_own_words_are_never_left_out(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that fails is paused; this one says what people must know."""

    async def fails(*_: object) -> None:
        raise ValueError("a bug")

    await server.start()
    with monkeypatch.context() as broken:
        broken.setattr(of_plugin(server, "posting").Poster, "post", fails)
        for number in range(5):
            await server.warn(f"warning {number}")
    assert len(server.failures) == 5
    server.failures.clear()
    await server.warn("The line is bad.")
    assert any("⚠️ The line is bad." in message for message in server.messages)
