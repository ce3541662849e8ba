"""A config file that changes under a running bot, seen from Discord."""

import asyncio

import yaml

from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually


def _change(bot: RunningBot, **defaults: object) -> None:
    """Edit the file as an operator would."""
    file = bot.process.config_file
    config = yaml.safe_load(file.read_text())
    config["defaults"].update(defaults)
    file.write_text(yaml.safe_dump(config))


async def test_a_change_takes_effect_for_the_next_call_and_a_mistake_for_none(impatient_bot: RunningBot) -> None:
    bot = await start_bot(impatient_bot.stage, development=False)
    place = bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    _change(bot, limits={"server": {"minutes_per_day": 0}})
    await eventually(lambda: "config: defaults.limits" in bot.log())
    assert "minutes for today are used up" in await bot.command(place, ann, "voicebot join")
    _change(bot, limits={"server": {"minutes_per_day": "plenty"}})
    await eventually(lambda: "the changed config is not used" in bot.log())
    assert ":" in bot.log().split("the changed config is not used: ")[1]
    assert "minutes for today are used up" in await bot.command(place, ann, "voicebot join")
    _change(bot, limits={"server": {"minutes_per_day": 60}})
    await eventually(lambda: bot.log().count("config: defaults.limits") == 2)
    session = await bot.start_call(place)
    _change(bot, plugins={"valsea": {"base_url": bot.stage.valsea.url}, "voicebot": {"enabled": False}})
    await eventually(lambda: "config: defaults.plugins" in bot.log())
    assert "live" in await bot.command(place, ann, "voicebot status")  # the call keeps what it began with
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    await asyncio.sleep(0.3)
    assert "switched off on this server" in await bot.command(place, ann, "voicebot join")
    await bot.process.stop()
