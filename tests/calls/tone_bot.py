"""A voicebot that is a tone generator, and what a person heard of it: for what words would only blur."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from livekit import rtc

from sandbox.livekit.server import LiveKitServer
from sandbox.people.delay import levels
from sandbox.people.person import Person
from sandbox.stage import Place
from tests.running_bot import RunningBot


@dataclass(slots=True)
class ToneBot:
    """A participant that publishes tones."""

    room: rtc.Room

    @asynccontextmanager
    async def track(self, rate: int, queue: int = 100) -> AsyncIterator[rtc.AudioSource]:
        """A track for as long as it is needed; `queue` in ms, 0 sends what it gets at once."""
        source = rtc.AudioSource(rate, 1, queue_size_ms=queue)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        publication = await self.room.local_participant.publish_track(track, rtc.TrackPublishOptions())
        await asyncio.sleep(0.5)
        try:
            yield source
        finally:
            await self.room.local_participant.unpublish_track(publication.sid)
            await source.aclose()


@asynccontextmanager
async def in_room(livekit: LiveKitServer, name: str) -> AsyncIterator[ToneBot]:
    """A tone generator enters a room as the voicebot, and leaves it."""
    room = rtc.Room()
    await room.connect(livekit.url, livekit.token(f"agent-{secrets.token_hex(4)}", name, agent=True))
    try:
        yield ToneBot(room)
    finally:
        await room.disconnect()


@asynccontextmanager
async def call_with_tones(bot: RunningBot, place: Place) -> AsyncIterator[ToneBot]:
    """A call whose voicebot is a tone generator."""
    bot.stage.valsea.send_voicebot = False
    try:
        session = await bot.start_call(place, arrived=False)
    finally:
        bot.stage.valsea.send_voicebot = True
    async with in_room(bot.stage.livekit, session.room) as voicebot:
        yield voicebot
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")


def tone(rate: int, seconds: float, pitch: float = 440.0) -> np.ndarray:
    return (np.sin(2 * np.pi * pitch * np.arange(int(rate * seconds)) / rate) * 9000).astype(np.int16)


async def say(source: rtc.AudioSource, rate: int, samples: np.ndarray, *, pace: float | None = None) -> None:
    """As fast as the source takes it, or at a multiple of real time."""
    size = rate // 100
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, at in enumerate(range(0, len(samples), size)):
        piece = samples[at : at + size]
        await source.capture_frame(rtc.AudioFrame(piece.tobytes(), rate, 1, len(piece)))
        if pace is not None:
            await asyncio.sleep(start + (number + 1) * 0.01 / pace - loop.time())


def heard_from_to(bot: RunningBot, person: Person) -> tuple[float, float]:
    """When a person heard the voicebot first and last, by `time.monotonic()`."""
    assert person.ear.started_at is not None
    sound = levels(person.ear.started_at, person.ear.recording(bot.account.user_id))
    loud = [at for at, level in sound if level > 500]
    return loud[0], loud[-1]


def pitch(samples: np.ndarray) -> float:
    """Hertz of the strongest component of what was heard."""
    loud = samples[np.abs(samples) > 500]
    assert len(loud) > 20_000, "too little was heard"
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 48_000 / len(samples))
