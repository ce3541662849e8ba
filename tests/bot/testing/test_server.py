"""The server that plugin tests play on: what only it does, beside what the conformance suite uses."""

from pathlib import Path

import numpy as np

from bot.testing.server import PlayedServer

NASTY = Path("tests/calls/nasty")


async def test_a_plugin_that_listens_can_be_tested_in_memory() -> None:
    server = await PlayedServer.open(NASTY, {"way": "listens"})
    await server.start()
    await server.settle()
    loud = np.full(960, 9000, np.int16)
    for _ in range(3):
        await server.sound(people=loud)
    await server.sound(voicebot=loud)
    await server.end()
    await server.expect("people 3, voicebot 1")
    await server.close()
    assert server.failures == []


async def test_what_fails_beside_the_hooks_is_a_failure(tmp_path: Path) -> None:
    server = await PlayedServer.open(NASTY, {"way": "raises"})
    await server.start()
    await server.say("Ann", "hello")
    assert any("as it must not" in failure for failure in server.failures)
    server.failures.clear()
    await server.close()
