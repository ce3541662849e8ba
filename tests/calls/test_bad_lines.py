"""What a person's network, a hostile person and a crowd do to a call, on the real wires."""

import asyncio
import contextlib
import re
from types import SimpleNamespace

import pytest

from sandbox.discord.voice import room as voice_room
from sandbox.people import speech
from sandbox.people.delay import Pcm, delay, levels, timeline
from sandbox.people.hum import hum
from sandbox.people.line import Line
from sandbox.people.person import FRAME, Person
from tests.bot.bridge.lines import vowel_packets
from tests.bot.voice import hostile
from tests.calls.hum import humming
from tests.calls.stalls import Stalls
from tests.running_bot import RunningBot

WORDS = "The gallery on the second floor is open."
#: Times they are said, before and after.
PHRASES = 3
CROWD = 25


def _counts(text: str) -> dict[str, int]:
    """The numbers of `/voicebot status details` by what stands behind them."""
    return {what: int(count) for count, what in re.findall(r"(\d+) (received|refused|skipped|dropped|not Opus)", text)}


async def test_hostile_datagrams_cost_nobody_a_frame(
    impatient_bot: RunningBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the corpus, in the voice server's name and sealed with its key, in the middle of somebody's sentence."""
    place = impatient_bot.place()
    (ann,) = place.people
    monkeypatch.setattr(voice_room, "os", SimpleNamespace(urandom=lambda size: hostile.KEY[:size]))
    session = await impatient_bot.start_call(place)
    voice = impatient_bot.stage.discord.voice
    bot = voice.rooms[place.voice_id].of_user(impatient_bot.account.user_id)
    assert bot is not None
    assert bot.address is not None
    assert bot.secret_key == hostile.KEY
    before = _counts(await impatient_bot.command(place, ann, "voicebot status", details=True))
    async with humming(impatient_bot, session, ann) as gap:
        for file in sorted(hostile.FOLDER.glob("*.bin")):
            for _ in range(3):
                voice._send(file.read_bytes(), bot.address)
            await asyncio.sleep(0.03)
    text = await impatient_bot.command(place, ann, "voicebot status", details=True)
    assert impatient_bot.bills(session)
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    after = _counts(text)
    assert after["refused"] - before["refused"] >= 3 * 15
    assert "keys renewed: 0" in text
    assert gap.longest < 0.1 + gap.stalls * 0.02
    assert gap.missing <= 3 + gap.stalls


async def test_after_a_stall_of_two_seconds_people_are_heard_as_soon_as_before(impatient_bot: RunningBot) -> None:
    """Nothing arrives, then all of it at once. What is too old is dropped, the rest said faster, until it is live."""
    place = impatient_bot.place()
    (ann,) = place.people
    session = await impatient_bot.start_call(place)
    observer = await impatient_bot.observe(session)
    words = await asyncio.to_thread(speech.speak, WORDS)
    assert ann.voice is not None

    async def say() -> list[float]:
        return [(await ann.say(words))[0] for _ in range(PHRASES)]

    async with Stalls(impatient_bot, place, ann) as stalls:
        before = await say()
        talking = asyncio.create_task(ann.say(hum(5)))
        await asyncio.sleep(1)
        ann.voice.line = Line(held_until=asyncio.get_running_loop().time() + 2)
        await talking
        after = await say()
        await asyncio.sleep(0.5)
    text = await impatient_bot.command(place, ann, "voicebot status", details=True)
    await observer.leave()
    await impatient_bot.command(place, ann, "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    start, heard = timeline(observer.of(agent=False))
    assert _least_delay(words, after, heard, start) <= _least_delay(words, before, heard, start) + 0.03
    assert int(re.findall(r"buffer (\d+) ms", text)[0]) <= 100
    dropped = int(re.findall(r"<@.*?(\d+) dropped", text)[-1])
    assert 10 < dropped < 60 + stalls.late + stalls.skipped  # the rest of 100 was said


def _least_delay(words: Pcm, said: list[float], heard: Pcm, start: float) -> float:
    """Of several times that the same was said: a machine that does something else makes some of them late, but a
    buffer that has stayed too long makes all of them so."""
    delays = []
    for at in said:
        with contextlib.suppress(ValueError):  # too much of it was lost to tell
            delays.append(delay(words, at, heard, start, longest=1.0))
    return min(delays)


async def test_twenty_five_people_at_once_are_all_heard(ordinary_bot: RunningBot) -> None:
    """They are deafened, so that the sandbox's voice server forwards what they say to the bot alone. Whatever the
    system has given to the bot is somebody's, and their sum is not cut off. How fast that is, `benchmarks crowd` says.
    """
    bot = ordinary_bot
    place = await bot.place_with(*(f"Guest {number}" for number in range(CROWD)), first_audio_limit=0)
    world = bot.stage.discord.world
    session = await bot.start_call(place)
    for person in place.people:
        world.set_voice_state(place.guild_id, person.user_id, place.voice_id, self_deaf=True)
    await asyncio.gather(*(person.keys() for person in place.people))
    observer = await bot.observe(session)
    ann = place.people[0]
    room = bot.stage.discord.voice.rooms[place.voice_id]
    before = _counts(await bot.command(place, ann, "voicebot status", details=True))
    already, dropped = room.forwarded, bot.dropped_by_the_system()
    await _chorus(place.people, seconds=3)
    said = room.forwarded - already
    for _ in range(40):  # until what is in the socket's buffer has been read
        text = await bot.command(place, ann, "voicebot status", details=True)
        counts = _counts(text)
        lost = bot.dropped_by_the_system() - dropped
        if counts["received"] - before["received"] >= said - lost:
            break
        await asyncio.sleep(0.5)
    await observer.leave()
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert said > CROWD * 50
    assert counts["received"] - before["received"] == said - lost, text
    assert counts["refused"] == 0, text
    assert "came twice" not in text, text
    assert len(re.findall(r"<@\d+>.*packets", text)) + int(re.findall(r"and (\d+) more", text)[0]) == CROWD
    assert "not decryptable" not in text
    loud = [level for _, level in levels(*timeline(observer.of(agent=False))) if level > 5000]
    assert len(loud) > 25
    assert max(loud) < 30_000  # turned down together; a sum that is cut off has nearly the level of full scale


async def _chorus(people: list[Person], seconds: float) -> None:
    """All of them say a vowel, each a little later than the one before."""
    packets = vowel_packets()
    loop = asyncio.get_running_loop()
    voices = [person.voice for person in people if person.voice is not None]
    for voice in voices:
        await voice.speaking(True)
    start = loop.time()
    for number in range(round(seconds * 50)):
        for place, voice in enumerate(voices):
            voice.send(packets[(number + 7 * place) % len(packets)], number * FRAME)
        await asyncio.sleep(max(0.0, start + (number + 1) * 0.02 - loop.time()))
    for voice in voices:
        await voice.speaking(False)
