"""People come and go in mid-sentence: every change is a new DAVE epoch, and costs the others a few frames at most."""

import asyncio

import numpy as np

from sandbox.people.delay import timeline
from sandbox.people.hum import hum
from tests.calls.hum import humming
from tests.running_bot import RunningBot

#: 20 ms frames that one change may cost the one who is speaking.
FRAMES_PER_CHANGE = 4


async def test_joining_and_leaving_in_mid_sentence(default_bot: RunningBot) -> None:
    place = default_bot.place("Ann", "Bob", "Cyd")
    ann, bob, cyd = place.people
    await ann.join(place.guild_id, place.voice_id)
    await bob.join(place.guild_id, place.voice_id)
    cyd_joins, cyd.voice = cyd, None
    place.people.remove(cyd)
    session = await default_bot.start_call(place)
    observer = await default_bot.observe(session)
    speaking = asyncio.create_task(ann.say(hum(5.0)))
    await asyncio.sleep(1.0)
    await cyd_joins.join(place.guild_id, place.voice_id)
    await cyd_joins.keys()
    await asyncio.sleep(1.0)
    await bob.leave()
    await asyncio.sleep(1.0)
    await cyd_joins.leave()
    await speaking
    await default_bot.all_recorded(observer)
    await observer.leave()
    group = default_bot.stage.discord.voice.rooms[place.voice_id].group
    assert group.epoch >= 4  # founded, and three changes
    await default_bot.command(place, ann, "voicebot leave")
    _, heard = timeline(observer.of(agent=False))
    changes = 3
    assert _silent_frames_inside(heard) <= changes * FRAMES_PER_CHANGE


async def test_someone_who_joins_later_is_heard(default_bot: RunningBot) -> None:
    place = default_bot.place("Ann", "Bob")
    ann, bob = place.people
    place.people.remove(bob)
    session = await default_bot.start_call(place)
    observer = await default_bot.observe(session)
    await bob.join(place.guild_id, place.voice_id)
    await bob.keys()
    await bob.say(hum(1.5))
    await default_bot.all_recorded(observer)
    await observer.leave()
    await default_bot.command(place, ann, "voicebot leave")
    _, heard = timeline(observer.of(agent=False))
    assert _loud_frames(heard) >= 70  # of 75


async def test_thirty_joins_in_a_few_seconds(default_bot: RunningBot) -> None:
    """A storm of epochs: who speaks is heard through it, the bot's keys fit at the end, and the call lives."""
    names = [f"Guest {number}" for number in range(10)]
    place = default_bot.place("Ann", *names)
    ann, *guests = place.people
    place.people[:] = [ann]
    session = await default_bot.start_call(place)
    async with humming(default_bot, session, ann) as gap:
        for _ in range(3):
            await asyncio.gather(*(guest.join(place.guild_id, place.voice_id) for guest in guests))
            await asyncio.gather(*(guest.leave() for guest in guests))
    observer = await default_bot.observe(session)
    await ann.keys()
    await ann.say(hum(1.5))
    await default_bot.all_recorded(observer)
    await observer.leave()
    assert default_bot.bills(session)
    await default_bot.command(place, ann, "voicebot leave")
    _, heard = timeline(observer.of(agent=False))
    assert _loud_frames(heard) >= 70
    assert gap.heard > 1
    assert gap.missing <= 2 * FRAMES_PER_CHANGE + gap.stalls  # changes that come together are one new epoch


def _levels(samples: np.ndarray) -> np.ndarray:
    frames = samples[: len(samples) // 960 * 960].reshape(-1, 960).astype(np.float64)
    levels: np.ndarray = np.sqrt((frames**2).mean(axis=1))
    return levels


def _loud_frames(samples: np.ndarray) -> int:
    return int((_levels(samples) > 1500).sum())


def _silent_frames_inside(samples: np.ndarray) -> int:
    """Frames below half the usual level between the first and the last loud one."""
    levels = _levels(samples)
    loud = np.flatnonzero(levels > 1500)
    assert len(loud) > 200
    inside = levels[loud[0] : loud[-1] + 1]
    return int((inside < 1500).sum())
