"""A hum, and how long it was away at the other end: gaps that people would notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import levels, timeline
from sandbox.people.hum import hum
from sandbox.people.person import Person
from sandbox.valsea.session import Session
from tests.running_bot import RunningBot
from tests.support import happens

LOUD = 1000.0
ENOUGH = 35  # frames of 20 ms


class Gap:
    """The longest silence in seconds; known when the humming is over."""

    longest = 0.0
    missing = 0  # frames of 20 ms between the first and the last that were heard
    heard = 0.0  # seconds
    stalls = 0  # frames for which this process, in which people speak and the room is recorded, stood still itself


async def is_heard(bot: RunningBot, person: Person, session: Session, within: float = 20.0) -> bool:
    """Whether a voice gets into the room. Who listens there hears nothing of a track before they have subscribed to it,
    so the person hums until enough has come, or for `within` seconds."""
    observer = RoomObserver()
    await observer.join(bot.stage.livekit, session.room)
    speaking = asyncio.create_task(person.say(hum(within)))
    try:
        return await happens(lambda: observer.loud_frames(LOUD) > ENOUGH, within)
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await observer.leave()


@asynccontextmanager
async def humming(bot: RunningBot, session: Session, person: Person) -> AsyncIterator[Gap]:
    """Somebody hums into a call; what happens meanwhile costs a gap in the room, or none. Ends a second later."""
    gap = Gap()
    observer = RoomObserver()
    await observer.join(bot.stage.livekit, session.room)
    speaking = asyncio.create_task(person.say(hum(60)))
    await happens(lambda: observer.loud_frames(LOUD) > 10, 10)
    watching = asyncio.create_task(_count_stalls(gap))
    began = time.monotonic()
    try:
        yield gap
        await asyncio.sleep(1)
    finally:
        speaking.cancel()
        watching.cancel()
        await asyncio.gather(speaking, watching, return_exceptions=True)
        ended = time.monotonic()
        await observer.leave()
    sound = [(at, level) for at, level in levels(*timeline(observer.of(agent=False))) if began <= at <= ended]
    loud = [at for at, level in sound if level > LOUD]
    gap.heard = len(loud) * 0.02
    gap.missing = round((loud[-1] - loud[0]) / 0.02) + 1 - len(loud) if loud else 0
    gap.longest = max(
        (later - earlier for earlier, later in zip([began, *loud], [*loud, ended], strict=True)), default=0
    )


async def _count_stalls(gap: Gap) -> None:
    """What the machine takes from us must not look like what the bot has lost."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.01)
        gap.stalls += max(0, round((time.monotonic() - before - 0.01) / 0.02))
