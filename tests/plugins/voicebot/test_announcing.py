"""People must know that they are heard, whatever Discord has just then."""

from pathlib import Path

import pytest

from bot.testing.discord_parts import refusal
from bot.testing.server import PlayedServer
from plugins.voicebot import plugin as module

FOLDER = Path(module.__file__).parent


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 0.05)


@pytest.mark.usefixtures("_at_once")
async def test_what_discord_does_not_take_is_said_again_until_it_does() -> None:
    server = await PlayedServer.open(FOLDER)
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.advance(3 * module.AGAIN)
    assert server.messages == []
    server.text.refusal = None
    await server.advance(module.AGAIN)
    (announced,) = server.messages
    assert "Guide" in announced
    await server.advance(5 * module.AGAIN)
    assert len(server.messages) == 1
    await server.end()
    assert server.failures == []
    await server.close()


@pytest.mark.usefixtures("_at_once")
async def test_nobody_is_told_of_a_call_that_is_over() -> None:
    server = await PlayedServer.open(FOLDER)
    server.text.refusal = refusal(503, "upstream")
    await server.start()
    await server.end()
    server.text.refusal = None
    before = len(server.messages)
    assert await server.start()
    assert len(server.messages) == before + 1
    await server.close()


async def test_the_voicebots_own_words_are_never_left_out() -> None:
    """A plugin that fails is paused; this one says what people must know."""
    server = await PlayedServer.open(FOLDER)
    server.text.refusal = refusal(403, "Missing Permissions")
    for _ in range(2):
        await server.start()
        for number in range(5):
            await server.warn(f"warning {number}")
        await server.end()
    server.text.refusal = None
    await server.start()
    assert len(server.messages) == 1
    await server.close()
