"""The LiveKit server dies in mid-call, on a stage of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.stage import Stage
from tests.calls.hum import is_heard
from tests.calls.tone_bot import in_room, pitch, say, tone
from tests.running_bot import RunningBot
from tests.stage import start_bot


@pytest.fixture
async def own_stage() -> AsyncIterator[Stage]:
    async with Stage(voicebots=False, development=True) as stage:
        yield stage


async def _bot(stage: Stage, reconnect_limit: float) -> RunningBot:
    return await start_bot(stage, voicebot_arrival=90, voicebot_return=90, reconnect_limit=reconnect_limit)


async def test_it_comes_back_and_the_call_goes_on(own_stage: Stage) -> None:
    bot = await _bot(own_stage, 60)
    place = bot.place()
    session = await bot.start_call(place, arrived=False)
    await own_stage.livekit.kill()
    await asyncio.sleep(1)
    assert bot.bills(session)
    await own_stage.livekit.start(own_stage.folder / "livekit.log")
    ann = place.people[0]
    assert await is_heard(bot, ann, session)
    async with in_room(own_stage.livekit, session.room) as voicebot, voicebot.track(48_000) as source:
        ann.ear.clear()
        await say(source, 48_000, tone(48_000, 1.5))
        await asyncio.sleep(0.4)
    assert pitch(ann.ear.recording(bot.account.user_id)) == pytest.approx(440, abs=5)
    assert 70 <= ann.ear.frames_from(bot.account.user_id) <= 110  # once
    assert "live" in await bot.command(place, place.people[0], "voicebot status")
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


async def test_it_stays_away_and_the_session_is_ended(own_stage: Stage) -> None:
    bot = await _bot(own_stage, 3)
    place = bot.place()
    session = await bot.start_call(place, arrived=False)
    await own_stage.livekit.kill()
    await bot.expect_end(place, session, "connection to the voicebot broke", within=20)


async def test_a_voicebot_that_was_there_before_is_heard_again_and_once(own_stage: Stage) -> None:
    """Both of them start anew with the server: its track is another one, and must not be played beside the old."""
    bot = await _bot(own_stage, 60)
    place = bot.place()
    session = await bot.start_call(place, arrived=False)
    (ann,) = place.people
    async with in_room(own_stage.livekit, session.room) as voicebot, voicebot.track(48_000) as source:

        async def heard() -> int:
            ann.ear.clear()
            await say(source, 48_000, tone(48_000, 1.5))
            await asyncio.sleep(0.4)
            return ann.ear.frames_from(bot.account.user_id)

        assert 70 <= await heard() <= 110
        await own_stage.livekit.kill()
        await asyncio.sleep(1)
        await own_stage.livekit.start(own_stage.folder / "livekit.log")
        counts: list[int] = []
        while len(counts) < 20 and (not counts or counts[-1] < 70):
            counts.append(await heard())
        assert 70 <= counts[-1] <= 110, counts
        assert pitch(ann.ear.recording(bot.account.user_id)) == pytest.approx(440, abs=5)
        assert await is_heard(bot, ann, session)
    await bot.command(place, ann, "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
