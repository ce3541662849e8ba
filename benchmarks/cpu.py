"""CPU of a talking and of a silent call against the bare primitives such a call cannot do without.

The bot runs as a process of its own; its CPU time, all threads, is read from the operating system. In a talking call
one person speaks all the time and the voicebot's side sends sound all the time. The floor is another process that does
nothing but the primitives, once per 20 ms, in real time: Opus decode and encode, AEAD, DAVE, LiveKit capture and read.
"""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np
from livekit import rtc

from sandbox.people.person import Person
from sandbox.stage import Place, Stage
from sandbox.valsea.session import Session

from .table import Row

SECONDS = 12.0
WARM_UP = 3.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all threads (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def run() -> list[Row]:
    """Idle process, talking call, silent call, recorded call, floor."""
    async with Stage(voicebots=False) as stage:
        account = stage.account()
        key = stage.valsea.create_key("bench")
        bot = stage.bot(account, key)
        await bot.start(stage.config(voicebot_arrival=3600, plugins={"transcript": {"enabled": False}}))
        assert bot.process is not None
        pid = bot.process.pid
        place = stage.place(account, "Ann")
        (ann,) = place.people
        await ann.join(place.guild_id, place.voice_id)
        idle = await _share(pid)
        await stage.command(account, place, ann, "voicebot join")
        session = list(stage.valsea.sessions.values())[-1]
        silent_alone = await _share(pid)
        async with voicebot(stage, session, talking=False):
            silent = await _share(pid)
        async with voicebot(stage, session, talking=True), talking(place):
            loud = await _share(pid)
        await stage.command(account, place, ann, "voicebot leave")
        recorded = await _recorded(stage)
        floor, joined, listening = [await _floor(stage, work) for work in ("talk", "idle", "listen")]
    call, quiet = loud - idle, max(silent - idle, 0.0)
    quiet_alone = max(silent_alone - idle, 0.0)
    return [
        _ratio("CPU of a talking call / its bare primitives", call, floor, 1.5),
        _ratio("CPU of a talking call that is recorded / of one that is not", recorded, call, 1.15),
        _ratio("CPU of a silent call / a talking one", quiet, call, 0.05),
        _ratio("the same before the voicebot has arrived", quiet_alone, call, 0.05),
        _floor_of_silence("the LiveKit SDK alone, joined and silent / a talking call", joined, call),
        _floor_of_silence("the LiveKit SDK alone, reading a silent voicebot too / a talking call", listening, call),
        _floor_of_silence("what a silent call costs beyond the SDK alone / a talking call", quiet - listening, call),
    ]


async def _recorded(stage: Stage) -> float:
    """A talking call of a bot that writes flight records, less the idle process."""
    account = stage.account()
    bot = stage.bot(account, stage.valsea.create_key("recorded"), folder="recorded")
    settings = stage.config(voicebot_arrival=3600, plugins={"transcript": {"enabled": False}})
    await bot.start({**settings, "record": "records"})
    assert bot.process is not None
    place = stage.place(account, "Bob")
    await place.people[0].join(place.guild_id, place.voice_id)
    idle = await _share(bot.process.pid)
    await stage.command(account, place, place.people[0], "voicebot join")
    session = list(stage.valsea.sessions.values())[-1]
    async with voicebot(stage, session, talking=True), talking(place):
        loud = await _share(bot.process.pid)
    await stage.command(account, place, place.people[0], "voicebot leave")
    await bot.stop()
    return loud - idle


def _ratio(what: str, figure: float, baseline: float, budget: float) -> Row:
    ratio = figure / baseline
    return Row(
        what,
        f"{figure * 100:.2f} % of a core",
        f"{baseline * 100:.2f} %",
        f"{ratio:.2f}",
        f"≤ {budget}",
        ratio <= budget,
    )


def _floor_of_silence(what: str, share: float, call: float) -> Row:
    """No budget: what the SDK needs for a joined room is below everything a silent call can reach."""
    return Row(what, f"{share * 100:.2f} % of a core", f"{call * 100:.2f} %", f"{share / call:.2f}", "-", True)


async def _share(pid: int) -> float:
    """CPU seconds per second over the measuring time."""
    await asyncio.sleep(WARM_UP)
    before = cpu_seconds(pid)
    await asyncio.sleep(SECONDS)
    return (cpu_seconds(pid) - before) / SECONDS


async def _hum(person: Person) -> None:
    time = np.arange(48_000 * 10) / 48_000
    hum = (np.sin(2 * np.pi * 220 * time) * 6000 * (1 + 0.5 * np.sin(2 * np.pi * 3 * time))).astype(np.int16)
    while True:
        await person.say(hum)


@contextlib.asynccontextmanager
async def talking(place: Place):  # type: ignore[no-untyped-def]
    """Ann hums without a pause."""
    task = asyncio.create_task(_hum(place.people[0]))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def voicebot(stage: Stage, session: Session, *, talking: bool):  # type: ignore[no-untyped-def]
    """A participant that sends sound all the time, or a track with nothing on it."""
    room = rtc.Room()
    await room.connect(stage.livekit.url, stage.livekit.token("agent-bench", session.room, agent=True))
    source = rtc.AudioSource(48_000, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=True))
    task = asyncio.create_task(_sing(source)) if talking else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await room.disconnect()


async def _sing(source: rtc.AudioSource) -> None:
    tone = (np.sin(2 * np.pi * 300 * np.arange(960) / 48_000) * 7000).astype(np.int16).tobytes()
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await source.capture_frame(rtc.AudioFrame(tone, 48_000, 1, 960))
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _floor(stage: Stage, work: str) -> float:
    """What a process needs that does nothing else; see `benchmarks/floor.py`."""
    name = f"floor-{work}"
    peer = rtc.Room()
    await peer.connect(stage.livekit.url, stage.livekit.token("peer", name))
    source = rtc.AudioSource(48_000, 1, queue_size_ms=100)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await peer.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=True))
    singing = asyncio.create_task(_sing(source)) if work == "talk" else None
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.floor",
        stage.livekit.url,
        stage.livekit.token("floor", name),
        work,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if singing is not None:
            singing.cancel()
            await asyncio.gather(singing, return_exceptions=True)
        await peer.disconnect()
    share: float = json.loads(output)["share"]
    return share
