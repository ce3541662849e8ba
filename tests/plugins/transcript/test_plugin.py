"""What is written down, on the real wires: hostile words, long words, two speakers, switched off."""

import asyncio
import json

import numpy as np

from sandbox.stage import Place
from sandbox.valsea.session import Session
from tests.running_bot import RunningBot
from tests.support import eventually


def _packet(bot: RunningBot, session: Session, **body: object) -> None:
    session.send_packet(session.room, json.dumps({"type": "transcript", "isComplete": True, **body}).encode())


async def _lines(bot: RunningBot, place: Place, count: int) -> list[str]:
    def written() -> list[str]:
        posts = bot.posts(place)[1:]  # behind the welcome
        return [post["content"] or post["embeds"][0]["description"] for post in posts]

    await eventually(lambda: len(written()) >= count)
    return written()


async def _silent(bot: RunningBot, place: Place) -> None:
    """Wait until the bot has seen everybody fall silent, however slow the machine is: a line comes after that."""
    for _ in range(50):
        text = await bot.command(place, place.people[0], "voicebot status", details=True)
        if "packets" in text and "(speaking)" not in text:
            await asyncio.sleep(0.1)  # the call learns of it a moment later
            return
        await asyncio.sleep(0.1)
    raise AssertionError(text)


async def test_hostile_words_are_words(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    hostile = "@everyone <@1> [free](http://evil.example) ||x|| \u202egnp"
    _packet(impatient_bot, session, role="user", text=hostile)
    _packet(impatient_bot, session, role="assistant", text=hostile)
    lines = await _lines(impatient_bot, place, 2)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    for line in lines[:2]:
        assert "](" not in line.replace("\\]\\(", "")
        assert "\u202e" not in line
    assert impatient_bot.stage.discord.world.pings(place.text_id) == []


async def test_a_long_speech_is_split_and_complete(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    words = " ".join(f"word{number}" for number in range(500))
    _packet(impatient_bot, session, role="user", text=words)
    lines = await _lines(impatient_bot, place, 2)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    assert all(len(line) <= 2000 for line in lines)
    assert " ".join(line.split(":** ", 1)[1] for line in lines[:2]) == words


async def test_interims_are_not_written(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    _packet(impatient_bot, session, role="user", text="hel", isComplete=False)
    _packet(impatient_bot, session, role="user", text="hello")
    assert await _lines(impatient_bot, place, 1) == ["**Someone:** hello"]
    await impatient_bot.command(place, place.people[0], "voicebot leave")


async def test_a_line_carries_the_name_of_the_one_who_spoke(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    session = await impatient_bot.start_call(place)
    ann, bob = place.people
    noise = (np.random.default_rng(3).normal(0, 4000, 48_000)).astype(np.int16)
    for person, name in ((ann, "Ann"), (bob, "Bob")):
        await person.say(noise)
        await _silent(impatient_bot, place)
        _packet(impatient_bot, session, role="user", text=f"I am {name}")
    await asyncio.gather(ann.say(noise), bob.say(noise))
    await _silent(impatient_bot, place)
    _packet(impatient_bot, session, role="user", text="both of us")
    lines = [line for line in await _lines(impatient_bot, place, 3) if line.startswith("**")]
    assert "**Ann:** I am Ann" in lines
    assert "**Bob:** I am Bob" in lines
    assert next(line for line in lines if line.endswith("both of us")) in (
        "**Ann and Bob:** both of us",
        "**Bob and Ann:** both of us",
    )
    await impatient_bot.command(place, ann, "voicebot leave")


async def test_switched_off(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = await bot.place_with(plugins={"transcript": {"people": False}, "images": {"enabled": False}})
    session = await bot.start_call(place)
    _packet(bot, session, role="user", text="unwritten")
    session.on_voicebot({"event": "showed", "key": "dinosaur"})
    _packet(bot, session, role="assistant", text="written")
    assert await _lines(bot, place, 1) == ["written"]
    await bot.command(place, place.people[0], "voicebot leave")
