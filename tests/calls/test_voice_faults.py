"""What goes wrong on Discord's side of the sound: how long it is away, who is named, what people are told."""

import asyncio
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from sandbox.people.hum import hum
from sandbox.people.person import Person
from sandbox.stage import Place
from tests.calls.hum import humming
from tests.running_bot import RunningBot
from tests.support import eventually


def packets(text: str, person: Person) -> int:
    """How many packets `/voicebot status details` counts of somebody; 0 when it does not name them."""
    found = re.search(rf"<@{person.user_id}>[^:]*: (\d+) packets", text)
    return int(found[1]) if found else 0


def said(bot: RunningBot, place: Place, words: str) -> int:
    """How often something stands in the channel."""
    return sum(words in post["content"] for post in bot.posts(place))


@pytest.mark.parametrize(
    ("fault", "most"),
    [("another server", 2.0), ("4015", 0.3), ("4006", 3.0)],  # 4015: sound goes on over UDP meanwhile
)
async def test_a_repair_costs_a_short_gap(impatient_bot: RunningBot, fault: str, most: float) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    session = await impatient_bot.start_call(place)
    discord = impatient_bot.stage.discord
    async with humming(impatient_bot, session, ann) as gap:
        if fault == "another server":
            discord.change_voice_server(place.guild_id, impatient_bot.account.user_id)
        elif fault == "4015":
            discord.voice.close_sockets(place.guild_id, impatient_bot.account.user_id, 4015)
        else:
            discord.voice.forget_sessions(place.guild_id, impatient_bot.account.user_id)
        await asyncio.sleep(3)
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    assert gap.longest < most
    assert gap.heard > 0.8


async def test_permissions_that_are_taken_away_are_named_once(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    session = await impatient_bot.start_call(place)
    world, me = impatient_bot.stage.discord.world, impatient_bot.account.user_id
    world.deny(place.voice_id, me, "speak")
    await eventually(lambda: said(impatient_bot, place, "⚠️ I no longer have the permission **Speak**") == 1)
    world.deny(place.voice_id, me, "speak")
    world.deny(place.voice_id, me)
    await eventually(lambda: said(impatient_bot, place, "✅ I have the permissions I need") == 1)
    world.deny(place.text_id, me, "embed_links")
    await eventually(lambda: said(impatient_bot, place, "⚠️ I no longer have the permission **Embed Links**") == 1)
    world.deny(place.text_id, me)
    await eventually(lambda: said(impatient_bot, place, "✅ I can write everything down again") == 1)
    assert said(impatient_bot, place, "permission **Speak**") == 1
    assert impatient_bot.bills(session)
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_a_text_channel_that_is_closed_to_the_bot_ends_nothing(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    session = await impatient_bot.start_call(place)
    world, me = impatient_bot.stage.discord.world, impatient_bot.account.user_id
    world.deny(place.text_id, me, "send_messages")
    await eventually(lambda: "**Send Messages** in <#" in impatient_bot.log())
    impatient_bot.stage.discord.change_voice_server(place.guild_id, me)
    await asyncio.sleep(0.5)
    assert "live" in await impatient_bot.command(place, ann, "voicebot status")
    world.deny(place.text_id, me)
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_a_thread_that_is_archived_in_mid_call_loses_nothing(impatient_bot: RunningBot) -> None:
    """discord.py forgets it then; Discord opens it again for the next message."""
    place = impatient_bot.place()
    (ann,) = place.people
    world = impatient_bot.stage.discord.world
    place = replace(place, text_id=world.create_thread(place.text_id, "Talk", ann.user_id))
    session = await impatient_bot.start_call(place)
    world.archive(place.text_id)
    await asyncio.sleep(0.3)
    session.send_packet(session.room, b'{"type": "transcript", "role": "user", "text": "Is it still there?"}')
    await eventually(lambda: any("Is it still there?" in post["content"] for post in impatient_bot.posts(place)))
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_a_bot_that_was_muted_or_deafened_says_so(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    world, me = impatient_bot.stage.discord.world, impatient_bot.account.user_id
    world.set_voice_state(place.guild_id, me, place.voice_id, mute=True)
    await eventually(lambda: said(impatient_bot, place, "⚠️ I was muted on this server") == 1)
    world.set_voice_state(place.guild_id, me, place.voice_id, mute=False, deaf=True)
    await eventually(lambda: said(impatient_bot, place, "⚠️ I was deafened") == 1)
    await eventually(lambda: said(impatient_bot, place, "✅ I am no longer muted") == 1)
    world.set_voice_state(place.guild_id, me, place.voice_id, mute=False, deaf=False)
    await eventually(lambda: said(impatient_bot, place, "✅ I am no longer deafened") == 1)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")


async def test_keys_that_never_fit_are_not_asked_for_again_and_again(ordinary_bot: RunningBot) -> None:
    """New keys, then a new session, then an end with a reason: nobody pays for a bot that hears nobody."""
    bot = ordinary_bot
    place = await bot.place_with(first_audio_limit=0, reconnect_limit=30)
    (ann,) = place.people
    session = await bot.start_call(place)
    assert ann.voice is not None
    ann.voice.wrong_keys = True
    talking = asyncio.create_task(ann.say(hum(60)))
    try:
        await bot.expect_end(place, session, "nobody could be heard", within=30)
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    assert said(bot, place, "Nobody's voice can be decrypted") == 1


async def test_an_ssrc_that_changes_hands_is_never_the_former_owners(default_bot: RunningBot) -> None:
    place = default_bot.place("Ann", "Bob", "Cyd")
    ann, bob, cyd = place.people
    place.people[:] = [ann, cyd]
    session = await default_bot.start_call(place)
    voice = default_bot.stage.discord.voice
    assert ann.voice is not None
    ssrc = ann.voice.ssrc
    await ann.say(hum(1))
    await ann.leave()
    later, voice._ssrc = voice._ssrc, itertools.chain([ssrc], voice._ssrc)
    await bob.join(place.guild_id, place.voice_id)
    voice._ssrc = later
    assert bob.voice is not None
    assert bob.voice.ssrc == ssrc
    await bob.keys()
    await bob.say(hum(1))
    await asyncio.sleep(0.3)
    text = await default_bot.command(place, cyd, "voicebot status", details=True)
    await default_bot.command(place, cyd, "voicebot leave")
    await default_bot.expect_end(place, session, "someone sent the bot away")
    assert 45 <= packets(text, ann) <= 60  # what she said herself, before she left
    assert 45 <= packets(text, bob) <= 60


async def test_a_router_that_forgets_the_silent_does_not_forget_the_bot(ordinary_bot: RunningBot) -> None:
    """The bot has nothing to say for longer than the router remembers, and hears what is said then."""
    bot = ordinary_bot
    place = await bot.place_with(first_audio_limit=0)
    (ann,) = place.people
    session = await bot.start_call(place)
    voice = bot.stage.discord.voice
    voice.nat.timeout = 17.0
    try:
        await asyncio.sleep(19)
        await ann.say(np.asarray(hum(1.0), np.int16))
    finally:
        voice.nat.timeout = None
    text = await bot.command(place, ann, "voicebot status", details=True)
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert packets(text, ann) >= 45
