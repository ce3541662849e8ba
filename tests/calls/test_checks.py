"""`/voicebot test` and `/voicebot doctor` on the wires: heard without a session, and told why not."""

import asyncio
import re

import pytest

from sandbox.people import speech
from sandbox.stage import Place
from tests.running_bot import RunningBot
from tests.support import eventually


def _begin(bot: RunningBot, place: Place) -> int:
    """Ann types `/voicebot test`; the interaction's id."""
    ann = place.people[0].user_id
    return bot.stage.discord.slash(bot.account, place.guild_id, place.text_id, ann, "voicebot test")


async def test_who_speaks_hears_themselves_and_nothing_is_billed(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    before = impatient_bot.requests_to("POST")
    interaction = _begin(impatient_bot, place)
    (answer,) = await impatient_bot.stage.discord.answer(interaction)
    assert "Say something and pause" in answer["content"]
    ann.ear.clear()
    await ann.say(await asyncio.to_thread(speech.speak, "When does the museum open tomorrow?"))
    await eventually(lambda: ann.ear.frames_from(impatient_bot.account.user_id) > 80, 10)
    await asyncio.sleep(2)
    understood = await asyncio.to_thread(speech.recognise, ann.ear.recording(impatient_bot.account.user_id))
    assert "museum open tomorrow" in understood.lower()
    assert "The test ends" in await impatient_bot.command(place, ann, "voicebot leave")
    await eventually(lambda: len(impatient_bot.stage.discord.world.response(interaction)) == 2)
    found = impatient_bot.stage.discord.world.response(interaction)[1]["content"]
    assert "nothing was billed" in found
    assert f"✅ <@{ann.user_id}>:" in found
    assert impatient_bot.requests_to("POST") == before
    assert impatient_bot.stage.discord.world.voice_channel_of(place.guild_id, impatient_bot.account.user_id) is None


async def test_a_test_ends_when_everybody_leaves_and_says_that_nobody_spoke(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    interaction = _begin(impatient_bot, place)
    await impatient_bot.stage.discord.answer(interaction)
    await ann.leave()
    await eventually(lambda: len(impatient_bot.stage.discord.world.response(interaction)) == 2)
    assert "No sound arrives" in impatient_bot.stage.discord.world.response(interaction)[1]["content"]


@pytest.mark.parametrize("latency", [0.0, 0.1])
async def test_a_call_takes_the_place_of_a_test(
    impatient_bot: RunningBot, monkeypatch: pytest.MonkeyPatch, latency: float
) -> None:
    """With a real way to Discord the news that the test has left comes when the call has asked to be let in."""
    place = impatient_bot.place()
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    monkeypatch.setattr(impatient_bot.stage.discord.gateway, "latency", latency)
    interaction = _begin(impatient_bot, place)
    await impatient_bot.stage.discord.answer(interaction)
    session = await impatient_bot.start_call(place)
    assert "There is a call" in await impatient_bot.command(place, ann, "voicebot test")
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_several_who_call_at_once_during_a_test_open_one_session(impatient_bot: RunningBot) -> None:
    """All of them find the server free and wait for the test to end; one call may begin then."""
    place = impatient_bot.place("Ann", "Ben", "Cyd", "Dan", "Eve")
    for person in place.people:
        await person.join(place.guild_id, place.voice_id)
    await impatient_bot.stage.discord.answer(_begin(impatient_bot, place))
    before = set(impatient_bot.stage.valsea.sessions)
    told = await asyncio.gather(*(impatient_bot.command(place, person, "voicebot join") for person in place.people))
    assert sum("There is a call" in answer for answer in told) == 4, told
    (room,) = set(impatient_bot.stage.valsea.sessions) - before
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, impatient_bot.stage.valsea.sessions[room], "someone sent the bot away")


async def test_the_doctor_before_and_in_a_call(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Ben")
    ann, ben = place.people
    told = await impatient_bot.command(place, ann, "voicebot doctor")
    assert "✅ Valsea takes the key and knows the voicebot (" in told
    assert "⚠️ There is no call." in told
    session = await impatient_bot.start_call(place)
    await ann.say(await asyncio.to_thread(speech.speak, "When does the museum open tomorrow?"))
    told = await impatient_bot.command(place, ann, "voicebot doctor")
    assert "✅ The voicebot is connected." in told
    assert "✅ End-to-end encryption is agreed" in told
    assert f"✅ <@{ann.user_id}> is heard" in told
    assert f"⚠️ Nothing arrives from <@{ben.user_id}>" in told
    impatient_bot.stage.discord.world.deny(place.voice_id, impatient_bot.account.user_id, "speak")
    await eventually(lambda: any("**Speak**" in post["content"] for post in impatient_bot.posts(place)))
    assert "❌ I need the permission **Speak**" in await impatient_bot.command(place, ann, "voicebot doctor")
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    (cost,) = re.findall(
        r"The last call cost (\d+) credits", await impatient_bot.command(place, ann, "voicebot doctor")
    )
    assert int(cost) > 0


async def test_who_cannot_see_a_voice_channel_is_told_of_nobody_in_it(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Ben")
    ann, ben = place.people
    impatient_bot.stage.discord.world.deny(place.voice_id, ben.user_id, "view_channel")
    place.people[:] = [ann]
    session = await impatient_bot.start_call(place)
    told = await impatient_bot.command(place, ben, "voicebot doctor")
    assert "There is a call in a voice channel that you cannot see" in told
    assert f"<@{ann.user_id}>" not in told
    assert f"<#{place.voice_id}>" not in told
    told = await impatient_bot.command(place, ben, "voicebot status", details=True)
    assert told == "You cannot see that voice channel, so I do not tell you who is in it."
    assert f"<@{ann.user_id}>" in await impatient_bot.command(place, ann, "voicebot status", details=True)
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_where_people_are_asked_first_a_test_hears_them_all_the_same(impatient_bot: RunningBot) -> None:
    """It plays everybody their own voice, and nothing leaves Discord."""
    place = impatient_bot.place("Ann", "Ben")
    ann, ben = place.people
    world = impatient_bot.stage.discord.world
    world.grant(place.guild_id, ann.user_id, "manage_guild")
    await impatient_bot.command(place, ann, "voicebot settings set", key="consent", value="asked")
    role = world.grant(place.guild_id, ann.user_id, "send_messages")
    await impatient_bot.command(place, ann, "voicebot settings set", key="access.stop", value=f"[{role}]")
    for person in (ann, ben):
        await person.join(place.guild_id, place.voice_id)
    await impatient_bot.stage.discord.answer(_begin(impatient_bot, place))
    ann.ear.clear()
    await ann.say(await asyncio.to_thread(speech.speak, "When does the museum open tomorrow?"))
    await eventually(lambda: ann.ear.frames_from(impatient_bot.account.user_id) > 50)
    assert "may end this call" in await impatient_bot.command(place, ben, "voicebot leave")
    assert "The test ends" in await impatient_bot.command(place, ann, "voicebot leave")
