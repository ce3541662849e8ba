"""The server that plugin tests play on: what only it does, beside what the conformance suite uses."""

from pathlib import Path

import discord
import numpy as np
import pytest

from bot.billing.end_reason import EndReason
from bot.plugin_host import template
from bot.testing import conformance
from bot.testing.discord_parts import Posted
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


ENDS = """
import contextlib

import discord

from bot.call.state import EndReason
from bot.plugin_host.plugin import Plugin


class EndsPlugin(Plugin):
    name = "ends"

    async def on_call_started(self, call):
        self.tasks.create(self.watch(call))

    async def watch(self, call):
        for minutes in (1, 2):
            await self.host.sleep(60)
            channel = self.host.get_channel(call.text_channel_id)
            if channel is not None:
                with contextlib.suppress(discord.HTTPException):
                    await channel.send(f"{call.elapsed:.0f} s")
        call.end(EndReason.EMPTY, by=7)

    async def on_transcript(self, call, line):
        if line.text == "stop":
            call.end(EndReason.LEFT)


PLUGIN = EndsPlugin
"""


@pytest.fixture
def ends(tmp_path: Path) -> Path:
    folder = tmp_path / "ends"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("name: ends\nversion: 1.0.0\napi: 1\ndescription: It ends calls.\n")
    (folder / "__init__.py").write_text(ENDS)
    return folder


async def test_a_plugin_may_end_a_call_and_the_meter_stops_with_it(ends: Path) -> None:
    server = await PlayedServer.open(ends)
    await server.start()
    await server.advance(3600)
    assert server.call is None
    assert server.messages == ["60 s", "120 s"]
    receipt = await server.end()
    assert (receipt.reason, receipt.ended_by) == (EndReason.EMPTY, 7)
    assert receipt.duration == pytest.approx(120, abs=1)
    await server.start()
    await server.say("Ann", "stop")
    assert server.call is None
    assert (await server.end()).reason is EndReason.LEFT
    await server.close()
    assert server.failures == []


async def test_who_ends_a_call_that_is_over_ends_no_other(ends: Path) -> None:
    server = await PlayedServer.open(ends)
    await server.start()
    first = server.call
    assert first is not None
    await server.end()
    await server.start()
    first.end(EndReason.LEFT)
    await server.settle()
    assert server.call is not None
    await server.close()


async def test_one_that_ends_calls_stands_what_every_plugin_must(ends: Path) -> None:
    for check in conformance.CHECKS:
        assert await conformance.run(ends, conformance.CHECKS[check]) == [], check


SAYS_LATER = """
from bot.language import say
from bot.plugin_host.plugin import Plugin


class EndsPlugin(Plugin):
    name = "ends"

    async def on_call_ended(self, receipt):
        self.tasks.create(self.later(receipt))

    async def later(self, receipt):
        await self.host.sleep(60)
        minutes = say("The voicebot is back.")
        await self.host.get_channel(receipt.text_channel_id).send(minutes.to(self.language(receipt.guild_id)))


PLUGIN = EndsPlugin
"""


async def test_time_passes_after_a_call_too_on_a_server_of_any_language(ends: Path) -> None:
    (ends / "__init__.py").write_text(SAYS_LATER)
    server = await PlayedServer.open(ends, language="de")
    await server.start()
    await server.end()
    assert server.messages == []
    await server.advance(60)
    assert server.messages == ["Der Voicebot ist wieder da."]
    await server.close()


async def test_what_cannot_happen_is_refused(ends: Path) -> None:
    server = await PlayedServer.open(ends)
    await server.start()
    with pytest.raises(AssertionError, match="there is a call already"):
        await server.start()
    with pytest.raises(AssertionError, match="time does not go back"):
        await server.advance(-5)
    with pytest.raises(AssertionError, match="a key, an address, or both"):
        await server.show()
    await server.close()


async def test_an_edit_changes_what_it_names_and_is_refused_where_nothing_would_be_left() -> None:
    message = Posted("hello", view="buttons")
    await message.edit(view=None)
    assert (message.content, message.view, message.edits) == ("hello", None, 1)
    with pytest.raises(discord.HTTPException, match="empty message"):
        await message.edit(content="")
    assert message.content == "hello"
