"""Delay each way through a call, against two LiveKit clients talking through the same server in the same run.

Person to room: from the moment a frame leaves the person's mouth to the moment a client in the room has it. Room to
person: from a client in the room having the voicebot's frame to the person having it. Found by cross-correlation.
"""

import asyncio
import time

import numpy as np
from livekit import rtc

from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import RATE, delay, timeline
from sandbox.stage import Stage

from .table import Row

ROUNDS = 12
PHRASE = 1.2  # seconds
JITTER_BUFFER = 0.04  # the bot's default playout depth
#: Milliseconds of silence before each burst of the voicebot's, besides the default (20).
LEAD_INS = (0, 40, 100)


async def run() -> list[Row]:
    """Both ways through a bot, and the baseline."""
    async with Stage(voicebots=False) as stage:
        baseline = await _baseline(stage)
        to_room, to_person = await _through_the_bot(stage)
        led_in = {ms: (await _through_the_bot(stage, ROUNDS // 2, lead_in_ms=ms))[1] for ms in LEAD_INS}
    base50, base95 = np.percentile(baseline, [50, 95]) * 1000
    in50, in95 = np.percentile(to_room, [50, 95]) * 1000
    out50, out95 = np.percentile(to_person, [50, 95]) * 1000
    beyond = in95 - base95 - JITTER_BUFFER * 1000
    ratio_in = in50 / base50
    ratio_out = out50 / base50
    against = f"SDK to SDK: p50 {base50:.0f} ms, p95 {base95:.0f} ms"
    return [
        Row(
            "Delay person to room, beyond playout depth and SDK to SDK",
            f"p50 {in50:.0f} ms, p95 {in95:.0f} ms",
            f"{against}; playout depth {JITTER_BUFFER * 1000:.0f} ms",
            f"p95 {beyond:.0f} ms beyond (p50 ratio {ratio_in:.1f})",
            "p95 ≤ 20 ms",
            beyond <= 20,
        ),
        Row(
            "Delay room to person, beyond what a client in the room hears",
            f"p50 {out50:.0f} ms, p95 {out95:.0f} ms",
            against,
            f"p95 {out95:.0f} ms (p50 ratio {ratio_out:.1f})",
            "p95 ≤ 60 ms",
            out95 <= 60,
        ),
        *(_led_in(ms, float(np.median(delays)) * 1000, out50) for ms, delays in led_in.items()),
    ]


def _led_in(ms: int, p50: float, usual: float) -> Row:
    """What a lead-in costs: nothing up to the 40 ms that a burst is held back anyway, and the rest beyond that."""
    return Row(
        f"Delay room to person with `lead_in_ms: {ms}`",
        f"p50 {p50:.0f} ms",
        f"with 20: p50 {usual:.0f} ms",
        f"{p50 - usual:+.0f} ms",
        "-",
        True,
    )


def _phrase(seed: int) -> np.ndarray:
    """Noise in the band and rhythm of speech: found again without doubt."""
    samples = round(PHRASE * RATE)
    noise = np.random.default_rng(seed).normal(0, 1, samples)
    band = np.convolve(noise, np.hanning(32) / 16, "same")
    rhythm = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(samples) / RATE)
    return np.clip(band * rhythm * 9000, -30_000, 30_000).astype(np.int16)


async def _play(source: rtc.AudioSource, samples: np.ndarray) -> float:
    """Feed a source in real time; when its first frame was fed."""
    started = time.monotonic()
    for number in range(len(samples) // 960):
        frame = samples[number * 960 : (number + 1) * 960]
        await source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, 960))
        await asyncio.sleep(max(0.0, started + (number + 1) * 0.02 - time.monotonic()))
    return started


async def _baseline(stage: Stage) -> list[float]:
    """Two LiveKit clients, the same source settings as the bot's."""
    observer = RoomObserver()
    await observer.join(stage.livekit, "baseline")
    room, source = await _client(stage, "talker", "baseline")
    await asyncio.sleep(1)
    delays = []
    for number in range(ROUNDS):
        phrase = _phrase(number)
        started = await _play(source, phrase)
        await asyncio.sleep(0.5)
        at, heard = timeline(observer.of(agent=False)[-150:])
        delays.append(delay(phrase, started, heard, at))
    await observer.leave()
    await room.disconnect()
    return delays


async def _through_the_bot(stage: Stage, rounds: int = ROUNDS, **settings: object) -> tuple[list[float], list[float]]:
    """Delays in seconds from a person into the room, and from the room to the person, through a bot of its own."""
    account = stage.account()
    bot = stage.bot(account, stage.valsea.create_key("bench"))
    await bot.start(stage.config(voicebot_arrival=3600, **settings))
    place = stage.place(account, "Ann")
    (ann,) = place.people
    await ann.join(place.guild_id, place.voice_id)
    await stage.command(account, place, ann, "voicebot join")
    name = list(stage.valsea.sessions)[-1]
    observer = RoomObserver()
    await observer.join(stage.livekit, name)
    room, source = await _client(stage, "agent-bench", name, agent=True)
    await asyncio.sleep(1)
    to_room, to_person = [], []
    for number in range(rounds):
        phrase = _phrase(number)
        started, _ = await ann.say(phrase)
        await asyncio.sleep(0.5)
        at, heard = timeline(observer.of(agent=False)[-150:])
        to_room.append(delay(phrase, started, heard, at))
        ann.ear.clear()
        started = await _play(source, phrase)
        await asyncio.sleep(0.6)
        at, in_room = timeline(observer.of(agent=True)[-150:])
        heard_at = ann.ear.started_at
        assert heard_at is not None
        at_ear = np.concatenate([ann.ear.recording(account.user_id), np.zeros(RATE // 4, np.int16)])
        # The packet that starts a recording holds the sound that began 20 ms before it came.
        to_person.append(delay(phrase, started, at_ear, heard_at - 0.02) - delay(phrase, started, in_room, at))
    await observer.leave()
    await room.disconnect()
    await stage.command(account, place, ann, "voicebot leave")
    await ann.leave()
    await bot.stop()
    return to_room, to_person


async def _client(stage: Stage, identity: str, name: str, *, agent: bool = False) -> tuple[rtc.Room, rtc.AudioSource]:
    room = rtc.Room()
    await room.connect(stage.livekit.url, stage.livekit.token(identity, name, agent=agent))
    source = rtc.AudioSource(RATE, 1, queue_size_ms=40)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
    return room, source
