"""The server that plugin tests play on: what only it does, beside what the conformance suite uses."""

from pathlib import Path

import numpy as np

from bot.plugin_host import template
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


async def test_time_that_a_test_lets_pass_wakes_who_waits_for_it(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    waits = (
        '        self.tasks.create(self.remind(call), "reminder")\n\n'
        "    async def remind(self, call: Call) -> None:\n"
        "        for minutes in (5, 10):\n"
        "            await self.host.sleep(300)\n"
        '            await self.host.get_channel(call.text_channel_id).send(f"{minutes} minutes")\n'
    )
    begun = "    async def on_call_started(self, call: Call) -> None:\n"
    assert begun in code.read_text()
    code.write_text(
        code.read_text().replace(begun, begun + waits + "\n    async def greet(self, call: Call) -> None:\n")
    )
    server = await PlayedServer.open(tmp_path / "dice")
    await server.start()
    await server.advance(299)
    assert server.messages == []
    await server.advance(302)
    assert server.messages == ["5 minutes", "10 minutes"]
    await server.close()
    assert server.failures == []
