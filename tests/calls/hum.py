"""A sound without a pause, and how long it was away at the other end: gaps that people would notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import levels, timeline
from sandbox.people.person import Person
from sandbox.valsea.session import Session
from tests.support import RunningBot

LOUD = 1000.0


def hum(seconds: float) -> np.ndarray:
    """A steady sound, so that every missing frame shows."""
    at = np.arange(round(48_000 * seconds)) / 48_000
    return np.asarray((np.sin(2 * np.pi * 300 * at) * 6000 + np.sin(2 * np.pi * 730 * at) * 4000), np.int16)


class Gap:
    """The longest silence in seconds; known when the humming is over."""

    longest = 0.0
    missing = 0  # frames of 20 ms between the first and the last that were heard
    heard = 0.0  # seconds
    stalls = 0  # frames for which this process, in which people speak and the room is recorded, stood still itself


@asynccontextmanager
async def humming(bot: RunningBot, session: Session, person: Person) -> AsyncIterator[Gap]:
    """Somebody hums into a call; what happens meanwhile costs a gap in the room, or none. Ends a second later."""
    gap = Gap()
    observer = RoomObserver()
    await observer.join(bot.stage.livekit, session.room)
    speaking = asyncio.create_task(person.say(hum(60)))
    await asyncio.sleep(1)
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
