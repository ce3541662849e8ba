"""Forgotten and broken calls end by themselves, with a word before. Asserted at the provider's meter."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from sandbox.people.hum import hum
from sandbox.people.speech import speak
from sandbox.valsea.faults import Fault
from sandbox.valsea.session import Session
from tests.running_bot import RunningBot
from tests.stage import start_bot
from tests.support import eventually


@pytest.fixture(scope="module")
async def guarded(impatient_bot: RunningBot) -> AsyncIterator[RunningBot]:
    """A bot with little patience for silence."""
    bot = await start_bot(impatient_bot.stage, silence_limit=6, first_audio_limit=3, gateway_limit=2)
    yield bot
    await bot.process.stop()


@pytest.fixture(scope="module", autouse=True)
async def minute(impatient_bot: RunningBot) -> tuple[RunningBot, Any, Session]:
    """A call that may last a minute, which passes while the other tests run."""
    bot = await start_bot(
        impatient_bot.stage,
        development=False,
        first_audio_limit=0,
        limits={"server": {"minutes_per_call": 1, "minutes_per_day": 1}},
    )
    place = bot.place()
    session = await bot.start_call(place)
    assert "this server's time" in await bot.command(place, place.people[0], "voicebot status")
    return bot, place, session


@pytest.fixture(autouse=True)
def _voicebot(impatient_bot: RunningBot) -> None:
    impatient_bot.stage.valsea.faults.clear()
    impatient_bot.stage.valsea.send_voicebot = True


def _said_in(bot: RunningBot, place: Any, words: str) -> bool:
    return any(words in post["content"] for post in bot.posts(place))


async def test_nobody_is_heard_at_all(guarded: RunningBot) -> None:
    place = guarded.place()
    session = await guarded.start_call(place)
    await guarded.expect_end(place, session, "nobody could be heard")
    assert _said_in(guarded, place, "I have heard nobody yet. No sound arrives from anybody")
    assert _said_in(guarded, place, "I end the call, because I heard nobody")


async def test_nobody_can_be_decrypted(guarded: RunningBot) -> None:
    place = guarded.place()
    ann = place.people[0]
    await ann.join(place.guild_id, place.voice_id)
    assert ann.voice is not None
    ann.voice.wrong_keys = True
    session = await guarded.start_call(place)
    talking = asyncio.create_task(_talk(ann))
    try:
        await guarded.expect_end(place, session, "nobody could be heard")
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    assert _said_in(guarded, place, "Sound arrives, but it cannot be decrypted")


async def _talk(person: Any) -> None:
    while True:
        await person.say(speak("Hello there, can anybody hear me?"))


async def test_everybody_is_muted(guarded: RunningBot) -> None:
    place = guarded.place()
    world = guarded.stage.discord.world
    await place.people[0].join(place.guild_id, place.voice_id)
    world.set_voice_state(place.guild_id, place.people[0].user_id, place.voice_id, self_mute=True)
    session = await guarded.start_call(place)
    await guarded.expect_end(place, session, "nobody could be heard")
    assert _said_in(guarded, place, "Everybody in the channel is muted")


async def test_speech_keeps_it_and_silence_ends_it(guarded: RunningBot) -> None:
    """Each word counts from anew; the voicebot's answer counts as well."""
    place = guarded.place()
    session = await guarded.start_call(place)
    for _ in range(2):
        await place.people[0].say(speak("Hello there"))
        await asyncio.sleep(4)
        assert guarded.bills(session)
    await guarded.expect_end(place, session, "nobody had spoken", within=25)


async def test_noise_and_a_music_bot_are_no_conversation(guarded: RunningBot) -> None:
    """A fan below the threshold, and another bot that plays loudly: the silence ends the call all the same."""
    place = guarded.place("Ann", "Music")
    ann, music = place.people
    place.people[:] = [ann]
    guarded.stage.discord.world.make_bot(music.user_id)
    session = await guarded.start_call(place)
    await ann.say(speak("Hello there"))
    await music.join(place.guild_id, place.voice_id)
    await music.keys()
    fan = np.random.default_rng(1).normal(0, 60, 48_000 * 40).astype(np.int16)
    noises = [asyncio.create_task(ann.say(fan)), asyncio.create_task(music.say(hum(40)))]
    try:
        await guarded.expect_end(place, session, "nobody had spoken", within=20)
    finally:
        for noise in noises:
            noise.cancel()
        await asyncio.gather(*noises, return_exceptions=True)


async def test_a_server_that_is_gone_for_too_long(guarded: RunningBot) -> None:
    place = guarded.place()
    session = await guarded.start_call(place)
    talking = asyncio.create_task(place.people[0].say(speak("Hello there, it is me again")))
    guarded.stage.discord.outage(guarded.account, place.guild_id)
    await talking
    await eventually(lambda: not guarded.bills(session), 8)


async def test_what_a_call_has_cost(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    session = await impatient_bot.start_call(place)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    stage = impatient_bot.stage
    interaction = stage.discord.slash(
        impatient_bot.account, place.guild_id, place.text_id, place.people[0].user_id, "voicebot usage", export=True
    )
    (answer,) = await stage.discord.answer(interaction, timeout=10)
    (embed,) = answer["embeds"]
    assert embed["title"] == "Calls this month"
    assert embed["description"].startswith("This server: 1 call, about 1 min, 1 credits")
    (file,) = answer["attachments"]
    assert file["filename"] == "calls-this-month.csv"


async def test_lines_the_live_transcript_missed_are_written_at_the_end(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    session.messages += [
        {"id": "m1", "role": "user", "content": "Are you there?", "createdAt": "2026-01-01T00:00:00+00:00"},
        {"id": "m2", "role": "assistant", "content": "I am.", "createdAt": "2026-01-01T00:00:01+00:00"},
    ]
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    texts = [p["content"] or p["embeds"][0].get("description", "") for p in impatient_bot.posts(place)]
    start = texts.index("*Said during the call, and missing above:*")
    assert texts[start + 1] == "**Someone:** Are you there?"
    assert texts[start + 2] == "I am."
    assert texts[start + 3].startswith("It ended because")


@pytest.mark.parametrize(
    "fault", [Fault("messages", status=500), Fault("messages", delay=3), Fault("messages", html=True)]
)
async def test_a_failing_transcript_never_delays_the_end(impatient_bot: RunningBot, fault: Fault) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    impatient_bot.plan(fault)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await eventually(lambda: not impatient_bot.bills(session), 1.5)
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_the_time_of_a_call_is_used_up(minute: tuple[RunningBot, Any, Session]) -> None:
    """The shortest there is: a minute, of which the last seconds are left to the DELETE."""
    bot, place, session = minute
    await eventually(lambda: not bot.bills(session), 62, "the minute is over")
    await eventually(lambda: len(bot.receipts(place)) == 1)
    assert "its time was used up" in bot.receipts(place)[0]
    assert _said_in(bot, place, "80 % of this server's time")
    assert session.organisation.meters[session.room].minutes(0) == 1
    # And there is none left today, not after a restart either.
    await bot.process.stop()
    await bot.process.run()
    reply = await bot.command(place, place.people[0], "voicebot join")
    assert "1 minutes for today are used up" in reply
    assert len(bot.organisation.meters) == 1
    await bot.process.stop()
