"""People must know that they are heard, whatever Discord has just then."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.testing.discord_parts import refusal
from bot.testing.server import PlayedServer
from plugins.voicebot import plugin as module

FOLDER = Path(module.__file__).parent


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlayedServer]:
    server = await PlayedServer.open(FOLDER)
    # The plugin's own, under the name that plugins in folders have.
    monkeypatch.setattr(sys.modules[type(server.plugin).__module__], "AT_ONCE", 0.05)
    yield server
    await server.close()


async def test_what_discord_does_not_take_is_said_again_until_it_does(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.advance(3 * module.AGAIN)
    assert server.messages == []
    server.text.refusal = None
    await server.advance(4 * module.AGAIN)
    (announced,) = server.messages
    assert "Guide" in announced
    await server.advance(5 * module.AGAIN)
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
    await server.advance(10 * module.SELDOM)
    assert len(server.messages) == before + 1


async def test_a_panel_that_comes_late_knows_what_has_happened(server: PlayedServer) -> None:
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.say("Ben", "hello")
    await server.warn("The line is bad.")
    server.text.refusal = None
    await server.advance(module.AGAIN)
    (announced,) = server.messages
    assert f"<@{server.person('Ben').id}>" in announced
    assert "The line is bad." in announced
    await server.end()
    assert all(not message.view for message in server.text.posted)


async def test_it_is_tried_less_and_less(server: PlayedServer) -> None:
    server.text.refusal = refusal(403, "Missing Permissions")
    await server.start()
    await server.advance(3600)
    assert 50 < server.text.refused < 80
    await server.end()


async def test_the_voicebots_own_words_are_never_left_out(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that fails is paused; this one says what people must know."""

    async def fails(*_: object) -> None:
        raise ValueError("a bug")

    await server.start()
    with monkeypatch.context() as broken:
        broken.setattr(type(server.plugin), "_post", fails)
        for number in range(5):
            await server.warn(f"warning {number}")
    assert len(server.failures) == 5
    server.failures.clear()
    await server.warn("The line is bad.")
    assert any("⚠️ The line is bad." in message for message in server.messages)
