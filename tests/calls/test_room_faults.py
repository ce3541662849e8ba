"""What goes wrong on LiveKit's side of a call: signal, removal, a second client, a track that changes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest
from livekit import rtc

from sandbox.livekit.relay import SignalRelay
from sandbox.stage import Place
from sandbox.valsea.session import Session
from tests.calls.hum import humming
from tests.calls.tone_bot import call_with_tones, heard_from_to, pitch, say, tone
from tests.running_bot import RunningBot
from tests.support import eventually


@pytest.fixture
async def relay(impatient_bot: RunningBot) -> AsyncIterator[SignalRelay]:
    """Every bot's signal connection goes through it."""
    relay = SignalRelay(impatient_bot.stage.livekit.port)
    await relay.start()
    impatient_bot.stage.valsea.livekit_url = relay.url
    yield relay
    impatient_bot.stage.valsea.livekit_url = None
    await relay.stop()


async def tracks_of_the_bot(bot: RunningBot, session: Session) -> int:
    """How many tracks everybody but the voicebot has published."""
    room = rtc.Room()
    await room.connect(bot.stage.livekit.url, bot.stage.livekit.token("counter", session.room, hidden=True))
    await asyncio.sleep(0.3)
    found = [p for p in room.remote_participants.values() if not p.identity.startswith("agent-")]
    tracks = sum(len(participant.track_publications) for participant in found)
    await room.disconnect()
    return tracks


async def _live_again(bot: RunningBot, place: Place) -> None:
    """Wait for it; the SDK takes its time on a busy machine."""
    for _ in range(20):
        if "live" in (status := await bot.command(place, place.people[0], "voicebot status")):
            return
        await asyncio.sleep(0.3)
    raise AssertionError(status)


async def test_a_signal_that_drops_is_resumed_and_costs_no_word(impatient_bot: RunningBot, relay: SignalRelay) -> None:
    """Media does not go through it. There is one track afterwards, as before."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    assert relay.connections == 1
    async with humming(impatient_bot, session, place.people[0]) as gap:
        relay.cut()
        await eventually(lambda: relay.connections > 1, 10)
        await asyncio.sleep(2)
    await _live_again(impatient_bot, place)
    assert await tracks_of_the_bot(impatient_bot, session) == 1
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    assert gap.longest < 1.0


async def test_a_signal_that_stays_away_ends_the_call(impatient_bot: RunningBot, relay: SignalRelay) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    await asyncio.sleep(1)  # until the voicebot can be heard, too
    relay.closed = True
    relay.cut()
    await impatient_bot.expect_end(place, session, "connection to the voicebot broke", within=25)


async def test_put_out_of_the_room_the_call_ends(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    await impatient_bot.stage.valsea.put_out(session)
    await impatient_bot.expect_end(place, session, "the voicebot's side ended it", within=5)


async def test_another_client_with_the_same_identity_is_not_fought(impatient_bot: RunningBot) -> None:
    """Whoever joins last stays; to join again would put the other one out, and so on."""
    place = impatient_bot.place()
    session = await impatient_bot.start_call(place)
    livekit = impatient_bot.stage.livekit
    observer = rtc.Room()
    await observer.connect(livekit.url, livekit.token("watcher", session.room, hidden=True))
    (identity,) = [i for i in observer.remote_participants if not i.startswith("agent-")]
    rival = rtc.Room()
    lost: list[object] = []
    rival.on("disconnected", lost.append)
    await rival.connect(livekit.url, livekit.token(identity, session.room))
    await impatient_bot.expect_end(place, session, "another client took the bot's place", within=5)
    await rival.disconnect()
    await observer.disconnect()


async def test_a_token_that_has_expired_when_the_signal_breaks_costs_no_call(
    impatient_bot: RunningBot, relay: SignalRelay
) -> None:
    """LiveKit gives a participant newer tokens; what the session was opened with need not last as long as the call."""
    livekit = impatient_bot.stage.livekit
    usual, livekit.token_life = livekit.token_life, timedelta(seconds=-55)  # and a minute, which the server allows
    place = impatient_bot.place()
    try:
        session = await impatient_bot.start_call(place)
    finally:
        livekit.token_life = usual
    await asyncio.sleep(7)
    async with humming(impatient_bot, session, place.people[0]) as gap:
        relay.cut()
        await eventually(lambda: relay.connections > 1, 10)
        await asyncio.sleep(2)
    await _live_again(impatient_bot, place)
    await impatient_bot.command(place, place.people[0], "voicebot leave")
    await impatient_bot.expect_end(place, session, "someone sent the bot away")
    assert gap.longest < 1.0


@pytest.mark.parametrize("rates", [(16_000, 48_000), (48_000, 24_000)])
async def test_a_track_that_comes_back_at_another_rate_has_the_same_pitch(
    impatient_bot: RunningBot, rates: tuple[int, int]
) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    pitches = []
    async with call_with_tones(impatient_bot, place) as voicebot:
        for rate in rates:
            async with voicebot.track(rate) as source:
                ann.ear.clear()
                await say(source, rate, tone(rate, 1.5))
                await asyncio.sleep(0.4)
                pitches.append(pitch(ann.ear.recording(impatient_bot.account.user_id)))
    assert pitches == pytest.approx([440, 440], abs=5)


async def test_a_voicebot_that_sends_faster_than_it_speaks_is_not_heard_ever_later(impatient_bot: RunningBot) -> None:
    """A tenth faster for 16 s, 1.5 s too much: we hold no more than ever, and the SDK's jitter buffer about 0.8 s."""
    place = impatient_bot.place()
    (ann,) = place.people
    async with call_with_tones(impatient_bot, place) as voicebot, voicebot.track(48_000, queue=0) as source:
        ann.ear.clear()
        began = time.monotonic()
        await say(source, 48_000, tone(48_000, 16.0), pace=1.1)
        ended = time.monotonic()
        text = await impatient_bot.command(place, ann, "voicebot status", details=True)
        await asyncio.sleep(1.5)
    first, last = heard_from_to(impatient_bot, ann)
    assert ended - began < 14.8
    assert last - ended < first - began + 1.1
    assert last - first > 13
    (held,) = re.findall(r", (\d+) ms to Discord", text)
    assert int(held) <= 100  # at this moment; what is not shortened stands at the ceiling, 200


async def test_five_seconds_at_once_do_not_make_what_follows_late(impatient_bot: RunningBot) -> None:
    place = impatient_bot.place()
    (ann,) = place.people
    async with call_with_tones(impatient_bot, place) as voicebot, voicebot.track(48_000, queue=0) as source:
        await say(source, 48_000, tone(48_000, 1.0), pace=1.0)
        await say(source, 48_000, tone(48_000, 5.0))
        await say(source, 48_000, np.zeros(48_000 * 2, np.int16), pace=1.0)
        ann.ear.clear()
        began = time.monotonic()
        await say(source, 48_000, tone(48_000, 1.0), pace=1.0)
        await asyncio.sleep(1.0)
    first, last = heard_from_to(impatient_bot, ann)
    assert first - began < 0.3
    assert 0.8 < last - first < 1.2
