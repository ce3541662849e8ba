"""Plugins while a call is live: one that listens to the sound, and a hundred reloads."""

import asyncio
import shutil
from pathlib import Path

from sandbox.people.hum import hum
from sandbox.stage import Place
from sandbox.valsea.session import Session
from tests.calls.hum import humming
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually

NASTY = Path(__file__).parent / "nasty"
RELOADS = 100
LINES = 10  # Discord takes five messages in five seconds
SPEECH = "The museum was founded a long time ago by a merchant who loved the sea."


async def _bot(impatient_bot: RunningBot, way: str) -> RunningBot:
    folder = impatient_bot.stage.folder / "plugins in calls"
    shutil.copytree(NASTY, folder / "nasty", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return await start_bot(
        impatient_bot.stage, plugins={"nasty": {"way": way}}, plugin_folders=[folder.name], interrupt="nobody"
    )


async def test_a_plugin_hears_both_sides(impatient_bot: RunningBot) -> None:
    bot = await _bot(impatient_bot, "listens")
    place = bot.place()
    (ann,) = place.people
    session = await bot.start_call(place)
    await ann.say(hum(1))
    assert bot.stage.worker is not None
    before = ann.ear.frames_from(bot.account.user_id)
    bot.stage.worker.say(session.id, SPEECH)
    await eventually(lambda: ann.ear.frames_from(bot.account.user_id) > before + 100, 20)
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    await eventually(lambda: bool(_counted(bot, place)))
    (counted,) = _counted(bot, place)
    people, voicebot = (int(part.split()[-1]) for part in counted.split(", "))
    assert 45 <= people <= 55
    assert voicebot >= 60  # words have pauses
    assert await bot.process.stop() == 0


def _counted(bot: RunningBot, place: Place) -> list[str]:
    return [post["content"] for post in bot.posts(place) if post["content"].startswith("people ")]


async def test_a_hundred_reloads_in_a_live_call(impatient_bot: RunningBot) -> None:
    """Of what writes the lines, in the middle of the lines: all are written once, and no frame is lost."""
    bot = await _bot(impatient_bot, "")
    place = bot.place()
    (ann,) = place.people
    bot.account.owner_id = ann.user_id
    session = await bot.start_call(place)
    async with humming(bot, session, ann) as before:
        await asyncio.sleep(4)
    began = asyncio.get_running_loop().time()
    async with humming(bot, session, ann) as gap:
        for number in range(RELOADS):
            if number % (RELOADS // LINES) == 0:
                _line(session, f"line {number * LINES // RELOADS}")
            name = ("transcript", "nasty", "images")[number % 3]
            told = await bot.command(place, ann, "voicebot plugins reload", name=name)
            assert "is in place" in told
        lasted = asyncio.get_running_loop().time() - began
    await eventually(lambda: len(_lines(bot, place)) >= LINES, 30)
    await asyncio.sleep(0.5)
    assert _lines(bot, place) == [f"line {number}" for number in range(LINES)]
    assert gap.heard > lasted - 1.5, "it is not humming that was measured"
    assert gap.missing <= before.missing + 3 + gap.stalls
    assert gap.longest <= 0.06 + gap.stalls * 0.02
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert await bot.process.stop() == 0


WORDY = """
from discord import Interaction, app_commands

from bot.config.model import PluginSettings
from bot.plugin_host.plugin import Plugin


class WordyPlugin(Plugin[PluginSettings]):
    name = "wordy"

    @app_commands.command(name="wordy", description="{description}")
    async def wordy(self, interaction: Interaction) -> None:
        await interaction.response.send_message("{answer}")


PLUGIN = WordyPlugin
"""


async def test_commands_that_discord_refuses_keep_nothing_else_away(impatient_bot: RunningBot) -> None:
    """At the start the plugin goes on without its commands; a reload that would bring such leaves the old ones."""
    folder = impatient_bot.stage.folder / "wordy plugins"
    (folder / "wordy").mkdir(parents=True)
    (folder / "wordy" / "plugin.yaml").write_text("name: wordy\nversion: 1.0.0\napi: 1\ndescription: It talks much.\n")
    code = folder / "wordy" / "__init__.py"
    code.write_text(WORDY.format(description="Much. " * 20, answer="one"))
    bot = await start_bot(impatient_bot.stage, plugin_folders=[folder.name])
    place = bot.place()
    (ann,) = place.people
    bot.account.owner_id = ann.user_id
    assert "wordy goes on without its commands" in bot.log()
    assert "There is no call" in await bot.command(place, ann, "voicebot status")
    listed = await bot.command(place, ann, "voicebot plugins list")
    assert "🔴 in part: **wordy**" in listed
    assert "🔴 **wordy**: the bot's log says what is wrong" in listed
    told = await bot.command(place, ann, "voicebot plugins reload", name="wordy")
    assert "was not reloaded, Discord refuses its commands" in told
    assert "🔴 in part: **wordy**" in await bot.command(place, ann, "voicebot plugins list")
    assert "is in place" in await bot.command(place, ann, "voicebot plugins reload", name="transcript")
    code.write_text(WORDY.format(description="Enough.", answer="two"))
    assert "is in place" in await bot.command(place, ann, "voicebot plugins reload", name="wordy")
    assert await bot.command(place, ann, "wordy") == "two"
    assert "🔴" not in await bot.command(place, ann, "voicebot plugins list")
    code.write_text(WORDY.format(description="Much. " * 20, answer="three"))
    told = await bot.command(place, ann, "voicebot plugins reload", name="wordy")
    assert "was not reloaded, Discord refuses its commands" in told
    assert await bot.command(place, ann, "wordy") == "two"
    assert await bot.process.stop() == 0


def _line(session: Session, text: str) -> None:
    session.on_voicebot({"event": "said", "role": "user", "text": text, "final": True})


def _lines(bot: RunningBot, place: Place) -> list[str]:
    texts = [post["content"].partition(":** ")[2] for post in bot.posts(place)]
    return [text for text in texts if text.startswith("line ")]
