"""Talking with each other: interrupting the voicebot, a bad line, a greeting."""

import asyncio
import time

import numpy as np
import pytest

from sandbox.people import speech
from sandbox.people.delay import timeline
from sandbox.people.line import Line
from tests.running_bot import RunningBot
from tests.support import eventually

LONG = (
    "The museum was founded a long time ago by a merchant who loved the sea. He collected maps, ships in bottles, "
    "and many old paintings. After his death the city built a house for all of it, and since then everybody may "
    "come and see it. Today there are more than a thousand pieces in twenty rooms on three floors."
)


@pytest.mark.ears
async def test_a_person_interrupts_the_voicebot(default_bot: RunningBot) -> None:
    place = default_bot.place()
    (ann,) = place.people
    session = await default_bot.start_call(place)
    assert default_bot.stage.worker is not None
    words = await asyncio.to_thread(speech.speak, "Excuse me, where is the cafe?")
    default_bot.stage.worker.say(session.id, LONG)
    await eventually(lambda: ann.ear.frames_from(default_bot.account.user_id) > 100, 20)
    _, ended = await ann.say(words)
    await eventually(lambda: any("cafe is in the garden" in line for line in session.said("assistant")), 20)
    first = session.said("assistant")[0]
    assert len(first) < len(LONG) * 0.7, "the voicebot spoke on"
    assert LONG.startswith(first[:30])
    assert time.monotonic() - ended < 15
    await default_bot.command(place, ann, "voicebot leave")


async def test_a_bad_line_is_repaired(impatient_bot: RunningBot) -> None:
    """5 % of the packets lost, 30 ms of jitter, some twice and some out of order: hardly a frame is missing."""
    place = impatient_bot.place()
    (ann,) = place.people
    ann.line = Line(loss=0.05, jitter=0.03, reorder=0.05, duplicate=0.05, seed=4)
    session = await impatient_bot.start_call(place)
    observer = await impatient_bot.observe(session)
    when = np.arange(48_000 * 6) / 48_000
    hum = np.asarray(np.sin(2 * np.pi * 300 * when) * 6000 + np.sin(2 * np.pi * 730 * when) * 4000, np.int16)
    await ann.say(hum)
    await impatient_bot.all_recorded(observer)
    await observer.leave()
    await impatient_bot.command(place, ann, "voicebot leave")
    _, heard = timeline(observer.of(agent=False))
    frames = heard[: len(heard) // 960 * 960].reshape(-1, 960).astype(np.float64)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 800)  # a loud voice is brought down to 2600
    inside = loud[-1] - loud[0] + 1
    assert inside >= 288  # of 300: packets lost at the ends, and delay that the buffer gives back by speaking faster
    assert len(loud) >= 0.97 * inside


async def test_a_greeting_is_heard_and_written(impatient_bot: RunningBot) -> None:
    impatient_bot.stage.valsea.greet = True
    try:
        place = impatient_bot.place()
        session = await impatient_bot.start_call(place)
    finally:
        impatient_bot.stage.valsea.greet = False
    await eventually(lambda: bool(session.said("assistant")), 20)
    await eventually(lambda: any("Welcome" in str(post["embeds"]) for post in impatient_bot.posts(place)))
    assert place.people[0].ear.frames_from(impatient_bot.account.user_id) > 50
    await impatient_bot.command(place, place.people[0], "voicebot leave")
