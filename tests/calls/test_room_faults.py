"""What goes wrong on LiveKit's side of a call: signal, removal, a second client, a track that changes."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from livekit import rtc

from sandbox.livekit.relay import SignalRelay
from sandbox.valsea.session import Session
from tests.calls.hum import humming
from tests.support import RunningBot, eventually


@pytest.fixture
async def relay(hasty: RunningBot) -> AsyncIterator[SignalRelay]:
    """Every bot's signal connection goes through it."""
    relay = SignalRelay(hasty.stage.livekit.port)
    await relay.start()
    hasty.stage.valsea.livekit_url = relay.url
    yield relay
    hasty.stage.valsea.livekit_url = None
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


async def test_a_signal_that_drops_is_resumed_and_costs_no_word(hasty: RunningBot, relay: SignalRelay) -> None:
    """Media does not go through it. There is one track afterwards, as before."""
    place = hasty.place()
    session = await hasty.start_call(place)
    assert relay.connections == 1
    async with humming(hasty, session, place.people[0]) as gap:
        relay.cut()
        await eventually(lambda: relay.connections > 1, 10)
        await asyncio.sleep(2)
    for _ in range(20):  # the SDK takes its time on a busy machine
        if "live" in (status := await hasty.command(place, place.people[0], "voicebot status")):
            break
        await asyncio.sleep(0.3)
    assert "live" in status
    assert await tracks_of_the_bot(hasty, session) == 1
    await hasty.command(place, place.people[0], "voicebot leave")
    await hasty.expect_end(place, session, "someone sent the bot away")
    assert gap.longest < 1.0


async def test_a_signal_that_stays_away_ends_the_call(hasty: RunningBot, relay: SignalRelay) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    await asyncio.sleep(1)  # until the voicebot can be heard, too
    relay.closed = True
    relay.cut()
    await hasty.expect_end(place, session, "connection to the voicebot broke", within=25)


async def test_put_out_of_the_room_the_call_ends(hasty: RunningBot) -> None:
    place = hasty.place()
    session = await hasty.start_call(place)
    await hasty.stage.valsea.put_out(session)
    await hasty.expect_end(place, session, "the voicebot's side ended it", within=5)


async def test_another_client_with_the_same_identity_is_not_fought(hasty: RunningBot) -> None:
    """Whoever joins last stays; to join again would put the other one out, and so on."""
    place = hasty.place()
    session = await hasty.start_call(place)
    livekit = hasty.stage.livekit
    observer = rtc.Room()
    await observer.connect(livekit.url, livekit.token("watcher", session.room, hidden=True))
    (identity,) = [i for i in observer.remote_participants if not i.startswith("agent-")]
    rival = rtc.Room()
    lost: list[object] = []
    rival.on("disconnected", lost.append)
    await rival.connect(livekit.url, livekit.token(identity, session.room))
    await hasty.expect_end(place, session, "another client took the bot's place", within=5)
    await rival.disconnect()
    await observer.disconnect()


@pytest.mark.parametrize("rates", [(16_000, 48_000), (48_000, 24_000)])
async def test_a_track_that_comes_back_at_another_rate_has_the_same_pitch(
    hasty: RunningBot, rates: tuple[int, int]
) -> None:
    place = hasty.place()
    (ann,) = place.people
    hasty.stage.valsea.send_voicebot = False
    try:
        session = await hasty.start_call(place, arrived=False)
    finally:
        hasty.stage.valsea.send_voicebot = True
    livekit = hasty.stage.livekit
    room = rtc.Room()
    await room.connect(livekit.url, livekit.token("agent-tone", session.room, agent=True))
    pitches = []
    for rate in rates:
        source = rtc.AudioSource(rate, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        publication = await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
        await asyncio.sleep(0.5)
        ann.ear.clear()
        await _tone(source, rate, 440, 1.5)
        await asyncio.sleep(0.4)
        pitches.append(_pitch(ann.ear.recording(hasty.account.user_id)))
        await room.local_participant.unpublish_track(publication.sid)
        await source.aclose()
    await room.disconnect()
    await hasty.command(place, ann, "voicebot leave")
    await hasty.expect_end(place, session, "someone sent the bot away")
    assert pitches == pytest.approx([440, 440], abs=5)


async def _tone(source: rtc.AudioSource, rate: int, pitch: float, seconds: float) -> None:
    samples = (np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate) * 9000).astype(np.int16)
    size = rate // 50
    for at in range(0, len(samples), size):
        piece = samples[at : at + size]
        await source.capture_frame(rtc.AudioFrame(piece.tobytes(), rate, 1, len(piece)))


def _pitch(samples: np.ndarray) -> float:
    """Hertz of the strongest component of what was heard."""
    loud = samples[np.abs(samples) > 500]
    assert len(loud) > 20_000, "too little was heard"
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 48_000 / len(samples))
