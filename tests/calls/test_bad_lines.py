"""What a person's network, a hostile person and a crowd do to a call, on the real wires."""

import asyncio
import re
from types import SimpleNamespace

import pytest

from sandbox.discord.voice import room as voice_room
from sandbox.livekit.observer import RoomObserver
from sandbox.people import speech
from sandbox.people.delay import delay, levels, timeline
from sandbox.people.line import Line
from sandbox.people.person import FRAME, Person
from tests.bot.bridge.lines import vowel_packets
from tests.bot.voice import hostile
from tests.calls.hum import hum, humming
from tests.support import RunningBot, eventually

WORDS = "The gallery on the second floor is open until six, and the café until five."
CROWD = 25


def _counts(text: str) -> dict[str, int]:
    """The numbers of `/voicebot status details` by what stands behind them."""
    return {what: int(count) for count, what in re.findall(r"(\d+) (came|refused|skipped|dropped|not Opus)", text)}


async def test_hostile_datagrams_cost_nobody_a_frame(hasty: RunningBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the corpus, in the voice server's name and sealed with its key, in the middle of somebody's sentence."""
    place = hasty.place()
    (ann,) = place.people
    monkeypatch.setattr(voice_room, "os", SimpleNamespace(urandom=lambda size: hostile.KEY[:size]))
    session = await hasty.start_call(place)
    voice = hasty.stage.discord.voice
    bot = voice.rooms[place.voice_id].of_user(hasty.account.user_id)
    assert bot is not None
    assert bot.address is not None
    assert bot.secret_key == hostile.KEY
    before = _counts(await hasty.command(place, ann, "voicebot status", details=True))
    async with humming(hasty, session, ann) as gap:
        for file in sorted(hostile.FOLDER.glob("*.bin")):
            for _ in range(3):
                voice._send(file.read_bytes(), bot.address)
            await asyncio.sleep(0.03)
    text = await hasty.command(place, ann, "voicebot status", details=True)
    assert hasty.bills(session)
    await hasty.command(place, ann, "voicebot leave")
    await hasty.expect_end(place, session, "someone sent the bot away")
    after = _counts(text)
    assert after["refused"] - before["refused"] >= 3 * 15
    assert "keys renewed: 0" in text
    assert gap.longest < 0.1 + gap.stalls * 0.02
    assert gap.missing <= 3 + gap.stalls


async def test_after_a_stall_of_two_seconds_people_are_heard_as_soon_as_before(hasty: RunningBot) -> None:
    """Nothing arrives, then all of it at once. What is too old is dropped, the rest said faster, until it is live."""
    place = hasty.place()
    (ann,) = place.people
    session = await hasty.start_call(place)
    observer = RoomObserver()
    await observer.join(hasty.stage.livekit, session.room)
    words = await asyncio.to_thread(speech.speak, WORDS)
    await eventually(lambda: len(observer.of(agent=False)) > 10)  # its track is subscribed to a moment later
    assert ann.voice is not None
    loop = asyncio.get_running_loop()
    said = [(await ann.say(words))[0]]
    talking = asyncio.create_task(ann.say(hum(5)))
    await asyncio.sleep(1)
    ann.voice.line = Line(held_until=loop.time() + 2)
    await talking
    await asyncio.sleep(0.5)
    said.append((await ann.say(words))[0])
    await asyncio.sleep(0.5)
    text = await hasty.command(place, ann, "voicebot status", details=True)
    await observer.leave()
    await hasty.command(place, ann, "voicebot leave")
    await hasty.expect_end(place, session, "someone sent the bot away")
    start, heard = timeline(observer.of(agent=False))
    before, after = (delay(words, at, heard, start) for at in said)
    assert abs(after - before) <= 0.03  # a frame, and how evenly the room plays
    assert "buffer 40 ms" in text
    assert 10 < int(re.findall(r"<@.*?(\d+) dropped", text)[-1]) < 60  # the rest of 100 was said


async def test_twenty_five_people_at_once_miss_no_beat(hasty: RunningBot) -> None:
    """They are deafened, so that the sandbox's voice server forwards what they say to the bot alone."""
    place = hasty.place(*(f"Guest {number}" for number in range(CROWD)))
    world = hasty.stage.discord.world
    session = await hasty.start_call(place)
    for person in place.people:
        world.set_voice_state(place.guild_id, person.user_id, place.voice_id, self_deaf=True)
    await asyncio.gather(*(person.keys() for person in place.people))
    observer = RoomObserver()
    await observer.join(hasty.stage.livekit, session.room)
    ann = place.people[0]
    await asyncio.sleep(0.3)
    before = _counts(await hasty.command(place, ann, "voicebot status", details=True))
    room = hasty.stage.discord.voice.rooms[place.voice_id]
    already = room.forwarded
    await _chorus(place.people, seconds=4)
    said = room.forwarded - already
    await asyncio.sleep(0.5)
    text = await hasty.command(place, ann, "voicebot status", details=True)
    await observer.leave()
    await hasty.command(place, ann, "voicebot leave")
    await hasty.expect_end(place, session, "someone sent the bot away")
    after = _counts(text)
    assert said >= CROWD * 4 * 50 * 0.8  # what a busy machine's voice server has made of it
    assert after["came"] - before["came"] >= 0.95 * said
    skipped = after["skipped"] - before["skipped"]
    assert skipped <= 50  # of 200: mixing 25 in more than 20 ms would lose every other one, a busy machine some
    sound = levels(*timeline(observer.of(agent=False)))
    loud = [level for _, level in sound if level > 5000]
    assert len(loud) >= 4 * 50 - 15 - skipped
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
    assert loop.time() - start < seconds * 1.2, "the crowd was too slow to be one"
