"""A bot token that another process uses as well: nobody is put out of a call by somebody's start."""

from sandbox.stage import Stage
from tests.stage import start_bot
from tests.support import eventually


async def test_another_process_with_the_same_token_leaves_no_call_of_the_first(stage: Stage) -> None:
    bot = await start_bot(stage)
    place = bot.place()
    (ann,) = place.people
    session = await bot.start_call(place)
    second = stage.bot(bot.account, bot.key, folder="second")
    await second.start(stage.config())
    await eventually(lambda: "another process runs with the same token" in second.log.read_text())
    assert stage.discord.world.voice_channel_of(place.guild_id, bot.account.user_id) == place.voice_id
    assert bot.bills(session)
    assert await second.stop() == 0
    assert stage.discord.world.voice_channel_of(place.guild_id, bot.account.user_id) == place.voice_id
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert await bot.process.stop() == 0
