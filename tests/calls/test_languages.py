"""Two servers on one bot, with different languages, voicebots, plugins, keys and limits: nothing crosses."""

import asyncio
import os
from pathlib import Path

import pytest

from sandbox.people import speech
from sandbox.stage import Place
from sandbox.valsea.server import VOICEBOT_ID
from tests.running_bot import RunningBot
from tests.support import eventually


async def _two_servers(impatient_bot: RunningBot) -> tuple[RunningBot, Place, Place, str]:
    stage = impatient_bot.stage
    account, other_key = stage.account(), stage.valsea.create_key("other", balance=1)
    os.environ["OTHER_VALSEA_KEY"] = other_key  # the bot inherits it
    key = stage.valsea.create_key("one")
    process = stage.bot(account, key, folder=f"two-{account.user_id}")
    bot = RunningBot(stage, account, key, process)
    german, english = stage.place(account, "Anna"), stage.place(account, "Ben")
    config = stage.config()
    config["servers"] = {
        german.guild_id: {
            "language": "de",
            "voicebot": "guide",
            "voicebots": {"guide": VOICEBOT_ID},
            "plugins": {
                "transcript": {"people": False},
                "valsea": {**config["defaults"]["plugins"]["valsea"]},
                "nasty": {"way": "raises"},
            },
        },
        english.guild_id: {
            "language": "en",
            "plugins": {
                "images": {"enabled": False},
                "valsea": {**config["defaults"]["plugins"]["valsea"], "api_key_env": "OTHER_VALSEA_KEY"},
            },
            "limits": {"server": {"minutes_per_call": 30}},
        },
    }
    await process.start({**config, "plugin_folders": [str(Path(__file__).parent)]})
    return bot, german, english, other_key


@pytest.mark.ears
async def test_nothing_crosses_between_two_servers(impatient_bot: RunningBot) -> None:
    bot, german, english, other_key = await _two_servers(impatient_bot)
    (anna,), (ben,) = german.people, english.people
    session = await bot.start_call(german)
    await ben.join(english.guild_id, english.voice_id)
    await bot.command(english, ben, "voicebot join")
    others = bot.stage.valsea.organisations[other_key]
    assert len(bot.organisation.running()) == len(others.running()) == 1, "each pays for its own"
    theirs = next(s for s in bot.stage.valsea.sessions.values() if s.organisation is others)
    async with asyncio.timeout(30):
        await theirs.arrived.wait()
    words = [await asyncio.to_thread(speech.speak, text) for text in ("Where is the dinosaur?", "When do you open?")]
    await asyncio.gather(anna.say(words[0]), ben.say(words[1]))
    for one in (session, theirs):
        await eventually(lambda one=one: bool(one.said("assistant")), 30)  # type: ignore[misc]
    session.on_voicebot({"event": "showed", "key": "dinosaur"})
    theirs.on_voicebot({"event": "showed", "key": "vase"})
    await asyncio.sleep(2)
    told = await bot.command(english, ben, "voicebot status")
    assert "It may last another 29:" in told
    assert "It may last another 1:59:" in await bot.command(german, anna, "voicebot status")
    for place, by in ((german, anna), (english, ben)):
        await bot.command(place, by, "voicebot leave")
    await eventually(lambda: not bot.organisation.running() and not others.running())
    await eventually(lambda: len(bot.posts(german)) >= 3 and bool(bot.receipts(english)))
    await asyncio.sleep(1)
    in_german = str([(m["content"], m["embeds"]) for m in bot.posts(german)])
    in_english = str([(m["content"], m["embeds"]) for m in bot.posts(english)])
    assert "Das Gespräch ist zu Ende, weil" in in_german
    assert "eingeladen" in in_german
    assert "It ended because someone sent the bot away" in in_english
    assert "Gespräch" not in in_english
    assert "Anna:" not in in_german, "this server does not write down what people say"
    assert "Ben:" in in_english
    assert "`nasty`" in in_german, "it fails on this server"
    assert "nasty" not in in_english
    assert "dinosaur.png" in in_german
    assert "vase.png" not in in_english, "this server shows no pictures"
    assert str(ben.user_id) not in in_german
    assert str(anna.user_id) not in in_english
    assert await bot.process.stop() == 0


async def test_answers_are_in_the_language_of_who_asks(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    told = {
        locale: await impatient_bot.command(place, place.people[0], "voicebot status", locale=locale)
        for locale in ("en-US", "de", "vi", "fr")
    }
    assert told["en-US"] == told["fr"] == "There is no call on this server. `/voicebot join` starts one."
    assert "`/voicebot beitreten`" in told["de"]
    assert "`/voicebot tham-gia`" in told["vi"]
