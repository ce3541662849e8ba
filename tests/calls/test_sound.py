"""What a call sounds like, on the real wires: interruption, people who are not heard, the numbers behind it all."""

import asyncio
import re
import time

import numpy as np
import pytest

from sandbox.people import speech
from sandbox.people.delay import levels, timeline
from sandbox.people.line import Line
from sandbox.people.person import Person
from sandbox.stage import Place
from tests.running_bot import RunningBot
from tests.support import eventually

LONG = (
    "The museum was founded a long time ago by a merchant who loved the sea. He collected maps, ships in bottles, "
    "and many old paintings. After his death the city built a house for all of it, and since then everybody may "
    "come and see it. Today there are more than a thousand pieces in twenty rooms on three floors."
)
TONE = (np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000) * 9000).astype(np.int16)


def _numbers(text: str, person: Person) -> dict[str, int]:
    """What `/voicebot status details` says of a person, by its units."""
    line = next((line for line in text.splitlines() if line.startswith(f"<@{person.user_id}>")), "")
    return {unit: int(count) for count, unit in re.findall(r"(\d+) (packets|lost|concealed|not decryptable)", line)}


@pytest.mark.ears
async def test_an_interrupted_voicebot_is_silent_before_it_knows(impatient_bot: RunningBot) -> None:
    """What it goes on saying until it has noticed is held back, in the channel and not in the room."""
    place = impatient_bot.place()
    (ann,) = place.people
    session = await impatient_bot.start_call(place)
    observer = await impatient_bot.observe(session)
    assert impatient_bot.stage.worker is not None
    words = await asyncio.to_thread(speech.speak, "But I have another question, and it is a very different one.")
    impatient_bot.stage.worker.say(session.id, LONG)
    await eventually(lambda: ann.ear.frames_from(impatient_bot.account.user_id) > 100, 20)
    started, _ = await ann.say(words)
    await asyncio.sleep(0.5)
    text = await impatient_bot.command(place, ann, "voicebot status", details=True)
    await observer.leave()
    await impatient_bot.command(place, ann, "voicebot leave")
    assert int(re.findall(r"Interruptions: (\d+)", text)[0]) >= 1
    assert ann.ear.started_at is not None
    heard = levels(ann.ear.started_at, ann.ear.recording(impatient_bot.account.user_id))
    said = levels(*timeline(observer.of(agent=True)))
    first_pause_heard = _first_pause(heard, started)
    assert first_pause_heard - started < 0.7  # two syllables, the jitter buffer, and a slow machine
    assert first_pause_heard < _first_pause(said, started)


def _first_pause(sound: list[tuple[float, float]], after: float, least: float = 0.25) -> float:
    """When, after a time, sound paused for at least so many seconds; when it ended, if never."""
    quiet_since: float | None = None
    for at, level in sound:
        if at < after:
            continue
        if level > 150:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = at
        elif at - quiet_since >= least:
            return quiet_since
    return quiet_since or sound[-1][0]


async def test_someone_who_is_muted_for_the_bot_is_not_heard_and_not_decrypted(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    ann, bob = place.people
    session = await impatient_bot.start_call(place)
    observer = await impatient_bot.observe(session)
    assert "nothing you say is decrypted" in await impatient_bot.command(place, ann, "voicebot mute")
    await ann.say(TONE)
    await asyncio.sleep(0.3)
    quiet = len([level for _, level in levels(*timeline(observer.of(agent=False))) if level > 1000])
    unheard = _numbers(await impatient_bot.command(place, bob, "voicebot status", details=True), ann)
    await bob.say(TONE)
    await impatient_bot.all_recorded(observer)
    others = len([level for _, level in levels(*timeline(observer.of(agent=False))) if level > 1000])
    assert "I hear you from now on" in await impatient_bot.command(place, ann, "voicebot unmute")
    await ann.say(TONE)
    await impatient_bot.all_recorded(observer)
    again = len([level for _, level in levels(*timeline(observer.of(agent=False))) if level > 1000])
    await observer.leave()
    await impatient_bot.command(place, ann, "voicebot leave")
    assert quiet == 0
    assert unheard == {}
    assert others > 40
    assert again > others + 40


async def test_the_details_show_a_bad_line(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place("Ann", "Bob")
    ann, bob = place.people
    await impatient_bot.start_call(place)
    ann.line = Line(loss=0.1, jitter=0.02, seed=3)
    assert ann.voice is not None
    ann.voice.line = ann.line
    await asyncio.gather(ann.say(np.tile(TONE, 3)), bob.say(np.tile(TONE, 3)))
    text = await impatient_bot.command(place, ann, "voicebot status", details=True)
    await impatient_bot.command(place, ann, "voicebot leave")
    assert len(text) <= 2000
    bad, good = _numbers(text, ann), _numbers(text, bob)
    assert 110 < bad["packets"] < 148
    assert bad["lost"] > 5
    assert good["packets"] >= 148
    assert good.get("lost", 0) == 0


async def test_someone_whose_keys_went_wrong_is_named(impatient_bot: RunningBot) -> None:
    """The others are heard all the while."""
    place = impatient_bot.place("Ann", "Bob")
    ann, bob = place.people
    session = await impatient_bot.start_call(place)
    assert ann.voice is not None
    ann.voice.wrong_keys = True
    warning = f"I cannot decrypt what <@{ann.user_id}> says"
    deadline = time.monotonic() + 20
    while not any(warning in post["content"] for post in impatient_bot.posts(place)):
        assert time.monotonic() < deadline
        await asyncio.gather(ann.say(TONE), bob.say(TONE))
    ann.voice.wrong_keys = False
    text = await impatient_bot.command(place, bob, "voicebot status", details=True)
    assert _numbers(text, ann)["not decryptable"] > 100
    assert _numbers(text, bob).get("not decryptable", 0) == 0
    assert not any(f"<@{bob.user_id}> says" in post["content"] for post in impatient_bot.posts(place))
    assert impatient_bot.bills(session)
    await impatient_bot.command(place, ann, "voicebot leave")


async def test_a_voicebot_that_left_is_missed_and_welcomed(default_bot: RunningBot) -> None:
    place = default_bot.place()
    session = await default_bot.start_call(place)
    worker = default_bot.stage.worker
    assert worker is not None
    ear = place.people[0].ear
    worker.say(session.id, "Hello.")
    await eventually(lambda: ear.frames_from(default_bot.account.user_id) > 5)  # now it was there for the bot, too
    worker.leave(session.id)
    await eventually(lambda: _said(default_bot, place, "⚠️ The voicebot has left"), 10)
    default_bot.stage.valsea.bring_voicebot(session)
    await eventually(lambda: _said(default_bot, place, "✅ The voicebot is back"), 15)
    before = ear.frames_from(default_bot.account.user_id)
    worker.say(session.id, "Here I am again.")
    await eventually(lambda: ear.frames_from(default_bot.account.user_id) > before + 20, 15)
    await default_bot.command(place, place.people[0], "voicebot leave")
    await default_bot.expect_end(place, session, "someone sent the bot away")


def _said(bot: RunningBot, place: Place, words: str) -> bool:
    return any(words in post["content"] for post in bot.posts(place))


async def test_where_only_the_starter_may_interrupt_others_do_not(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = await bot.place_with("Ann", "Bob", interrupt="starter")
    ann, bob = place.people
    session = await bot.start_call(place)
    assert bot.stage.worker is not None
    words = await asyncio.to_thread(speech.speak, "But I have another question, and it is a very different one.")
    counts = []
    for person in (bob, ann):  # Ann has brought it
        before = ann.ear.frames_from(bot.account.user_id)
        bot.stage.worker.say(session.id, LONG)
        await eventually(lambda before=before: ann.ear.frames_from(bot.account.user_id) > before + 100, 20)  # type: ignore[misc]
        await person.say(words)
        text = await bot.command(place, ann, "voicebot status", details=True)
        counts.append(int(re.findall(r"Interruptions: (\d+)", text)[0]))
        await asyncio.sleep(1)
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert counts[0] == 0
    assert counts[1] >= 1


async def test_where_nobody_may_interrupt_nothing_is_held_back(ordinary_bot: RunningBot) -> None:
    bot = ordinary_bot
    place = await bot.place_with(interrupt="nobody")
    (ann,) = place.people
    session = await bot.start_call(place)
    assert bot.stage.worker is not None
    words = await asyncio.to_thread(speech.speak, "But I have another question, and it is a very different one.")
    bot.stage.worker.say(session.id, LONG)
    await eventually(lambda: ann.ear.frames_from(bot.account.user_id) > 100, 20)
    await ann.say(words)
    text = await bot.command(place, ann, "voicebot status", details=True)
    await bot.command(place, ann, "voicebot leave")
    assert "Interruptions: 0" in text


async def test_where_people_are_asked_first_nobody_is_heard_who_has_not_agreed(ordinary_bot: RunningBot) -> None:
    """Not decrypted, not mixed; the button and the command agree, and the command takes it back."""
    bot = ordinary_bot
    place = await bot.place_with("Ann", "Bob", consent="asked", first_audio_limit=0)
    ann, bob = place.people
    session = await bot.start_call(place)
    await eventually(lambda: any(post["components"] for post in bot.posts(place)))
    panel = next(post for post in bot.posts(place) if post["components"])
    assert "It hears only those who agree to it" in panel["content"]
    observer = await bot.observe(session)

    async def heard() -> int:
        """Loud frames in the room so far, after both have spoken for a second, one after the other."""
        for person in (ann, bob):
            await person.say(TONE)
        await asyncio.sleep(0.3)
        return len([level for _, level in levels(*timeline(observer.of(agent=False))) if level > 1000])

    nobody = await heard()
    packets = _numbers(await bot.command(place, ann, "voicebot status", details=True), ann)
    assert "I hear you from now on" in await bot.stage.click(bot.account, place, ann, panel, "parley:mute")
    one = await heard()
    assert "I hear you from now on" in await bot.command(place, bob, "voicebot unmute")
    both = await heard()
    await bot.command(place, ann, "voicebot mute")
    await bot.command(place, bob, "voicebot mute")
    again = await heard()
    await observer.leave()
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    assert (nobody, packets) == (0, {})
    assert 40 < one < 60
    assert 80 < both - one < 120
    assert again == both
