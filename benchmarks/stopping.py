"""How long people still hear a voicebot that has stopped in mid-word, beyond what a client in the room still hears.

The voicebot here is a tone that ends while somebody speaks, and says so by its agent state, as livekit-agents does when
it is interrupted. The room's end is that of a LiveKit client beside the bot; the person's is the last loud packet.
"""

import asyncio

import numpy as np
from livekit import rtc

from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import levels, timeline
from sandbox.stage import Stage

from .table import Row

ROUNDS = 12
FRAME = 0.02
LOUD = 1000.0


async def run() -> list[Row]:
    """One row."""
    late = []
    async with Stage(voicebots=False) as stage:
        account = stage.account()
        bot = stage.bot(account, stage.valsea.create_key("bench"))
        await bot.start(stage.config(voicebot_arrival=3600, interrupt="nobody"))
        place = stage.place(account, "Ann")
        (ann,) = place.people
        await ann.join(place.guild_id, place.voice_id)
        await stage.command(account, place, ann, "voicebot join")
        name = list(stage.valsea.sessions)[-1]
        observer = RoomObserver()
        await observer.join(stage.livekit, name)
        room = rtc.Room()
        await room.connect(stage.livekit.url, stage.livekit.token("agent-bench", name, agent=True))
        source = rtc.AudioSource(48_000, 1, queue_size_ms=60)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
        await asyncio.sleep(1)
        for number in range(ROUNDS):
            observer.of(agent=True).clear()
            ann.ear.clear()
            await room.local_participant.set_attributes({"lk.agent.state": "speaking"})
            speaking = asyncio.create_task(ann.say(_tone(300, 2.5)))
            await _say(source, _tone(500 + number, 1.5))
            source.clear_queue()
            await room.local_participant.set_attributes({"lk.agent.state": "listening"})
            await speaking
            await asyncio.sleep(0.5)
            in_room = [at for at, level in levels(*timeline(observer.of(agent=True))) if level > LOUD]
            started = ann.ear.started_at
            assert started is not None
            # The packet that starts a recording holds the sound that began 20 ms before it came; for the room's frames
            # `timeline` sees to that.
            at_ear = [at for at, level in levels(started - FRAME, ann.ear.recording(account.user_id)) if level > LOUD]
            late.append((max(at_ear) - max(in_room)) / FRAME)
        await room.disconnect()
        await observer.leave()
        await stage.command(account, place, ann, "voicebot leave")
    worst = float(np.percentile(late, 95))
    return [
        Row(
            "A voicebot that was interrupted: last frame people hear after the room's last",
            f"p50 {np.median(late):.1f}, p95 {worst:.1f} frames",
            "what a client in the room hears",
            f"{worst:.1f} frames",
            "≤ 2",
            worst <= 2,
        )
    ]


def _tone(pitch: float, seconds: float) -> np.ndarray:
    return (np.sin(2 * np.pi * pitch * np.arange(int(48_000 * seconds)) / 48_000) * 9000).astype(np.int16)


async def _say(source: rtc.AudioSource, samples: np.ndarray) -> None:
    for at in range(0, len(samples), 960):
        piece = samples[at : at + 960]
        await source.capture_frame(rtc.AudioFrame(piece.tobytes(), 48_000, 1, len(piece)))
