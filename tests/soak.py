"""A long call at real pace: talk, silence, talk again; does the delay stay, does anything grow? `make soak MINUTES=60`.

Both sides speak without a pause while they speak, and the person's sound card runs 300 ppm fast or slow. Delays are
found by cross-correlation, every few seconds; what the bot's process holds is read from the operating system. A drift
shows within one time of talking, since each of them starts afresh.
"""

import argparse
import asyncio
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from livekit import rtc

from sandbox.ending import end_process
from sandbox.libopus import load_opus
from sandbox.livekit.observer import RoomObserver
from sandbox.people.delay import RATE, Pcm, delay, timeline
from sandbox.stage import Place, Stage
from tests.running_bot import RunningBot
from tests.stage import start_bot

SLOT = 3.0  # seconds from one phrase to the next
PHRASE = 1.2
WINDOW = 6.0  # seconds of sound kept, in which a phrase is looked for
FIVE_MINUTES = int(300 / SLOT)  # in phrases
#: Seconds by which the delay may drift, and the last five minutes be from the first; and milliseconds for what the bot
#: itself holds. Between the two are the SDK's own jitter buffers, which come and go by a frame or two.
APART, HELD_APART = 0.02, 15
#: How much longer the delay may be at the end than at the beginning, as a ratio.
GROWTH = 1.05
HELD = re.compile(r"Delay: (\d+) ms to the voicebot, (\d+) ms")


@dataclass(slots=True)
class Phase:
    """One time of talking: delays in seconds, and what the process held at its end."""

    clock: float = 1.0  # of the person's sound card
    to_room: list[float] = field(default_factory=list)
    to_person: list[float] = field(default_factory=list)
    held: list[tuple[int, int]] = field(default_factory=list)  # ms that the bot says it holds, to room and to person
    not_found: int = 0  # phrases whose delay could not be measured
    memory: int = 0  # kilobytes
    files: int = 0
    threads: int = 0

    def drift(self, side: str) -> float:
        """Seconds by which the median delay of the last fifth is longer than that of the first."""
        delays: list[float] = getattr(self, side)
        part = max(2, len(delays) // 5)
        return float(median(delays[-part:]) - median(delays[:part]))

    def held_drift(self) -> int:
        """Milliseconds between what the bot holds on its worse side late in the phase, and early in it."""
        part = max(1, len(self.held) // 3)
        return max(
            (
                round(median(now[side] for now in self.held[-part:]) - median(now[side] for now in self.held[:part]))
                for side in (0, 1)
            ),
            key=abs,
        )


@dataclass(slots=True)
class Outcome:
    """The whole call."""

    phases: list[Phase] = field(default_factory=list)
    details: str = ""

    def count(self, what: str) -> int:
        """A number in `/voicebot status details`."""
        found = re.search(rf"(\d+) {what}", self.details)
        return int(found[1]) if found else 0

    def first_and_last(self, side: str) -> tuple[float, float]:
        """Median delays in seconds of the first five minutes of all, and of the last five."""
        first, last = getattr(self.phases[0], side), getattr(self.phases[-1], side)
        return float(median(first[:FIVE_MINUTES])), float(median(last[-FIVE_MINUTES:]))

    def drift(self, side: str) -> float:
        """The greatest drift of any phase, in seconds, whichever way; and of the last phase against the first."""
        between = median(getattr(self.phases[-1], side)) - median(getattr(self.phases[0], side))
        return float(max((between, *(phase.drift(side) for phase in self.phases)), key=abs))

    def __str__(self) -> str:
        lines = []
        for number, phase in enumerate(self.phases, 1):
            lines.append(
                f"talk {number}, clock {(phase.clock - 1) * 1e6:+.0f} ppm: person to room "
                f"{median(phase.to_room) * 1000:.0f} ms (drift {phase.drift('to_room') * 1000:+.0f}), room to person "
                f"{median(phase.to_person) * 1000:.0f} ms (drift {phase.drift('to_person') * 1000:+.0f}); "
                f"held {_range(phase, 0)} and {_range(phase, 1)} ms; "
                f"{phase.memory // 1024} MB, {phase.files} files, {phase.threads} threads; "
                f"{phase.not_found} of {phase.not_found + len(phase.to_room)} phrases not found"
            )
        return "\n".join([*lines, self.details])


async def run(stage: Stage, *, clocks: Sequence[float], talk: float, silence: float) -> Outcome:
    """`talk` seconds of speech on both sides for each clock, with `silence` seconds between."""
    # Both talk all the time, which must not count as an interruption.
    bot = await start_bot(
        stage, development=False, voicebot_arrival=7200, silence_limit=0, first_audio_limit=0, interrupt="nobody"
    )
    place = bot.place()
    stage.valsea.send_voicebot = False  # the one in this call is made by hand
    try:
        session = await bot.start_call(place, arrived=False)
    finally:
        stage.valsea.send_voicebot = True
    observer = RoomObserver()
    await observer.join(stage.livekit, session.room)
    room = rtc.Room()
    await room.connect(stage.livekit.url, stage.livekit.token("agent-soak", session.room, agent=True))
    source = rtc.AudioSource(RATE, 1, queue_size_ms=40)
    track = rtc.LocalAudioTrack.create_audio_track("voice", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions())
    await asyncio.sleep(1)
    outcome = Outcome()
    for number, clock in enumerate(clocks):
        if number:
            await asyncio.sleep(silence)
        outcome.phases.append(await _talk(bot, place, observer, source, talk, clock))
    outcome.details = await bot.command(place, place.people[0], "voicebot status", details=True)
    await observer.leave()
    await room.disconnect()
    await bot.command(place, place.people[0], "voicebot leave")
    await bot.expect_end(place, session, "someone sent the bot away")
    await bot.process.stop()
    return outcome


async def _talk(
    bot: RunningBot, place: Place, observer: RoomObserver, source: rtc.AudioSource, seconds: float, clock: float
) -> Phase:
    (ann,) = place.people
    said = _speech(seconds)
    phase = Phase(clock)
    ann.ear.clear()
    speaking = asyncio.create_task(ann.say(said, clock=clock))
    began = time.monotonic()
    pace = 2 - clock  # the voicebot's clock is as wrong the other way
    singing = asyncio.create_task(_play(source, said, began, pace))
    for slot in range(1, int(seconds / SLOT) - 1):
        at = slot * SLOT
        await asyncio.sleep(max(0.0, began + at + PHRASE + 1.5 - time.monotonic()))
        phrase = said[int(at * RATE) : int((at + PHRASE) * RATE)]
        here, there = observer.of(agent=False), observer.of(agent=True)
        try:
            to_room = _delay(phrase, began + at / clock, here)
            in_room = _delay(phrase, began + at / pace, there)
            heard = ann.ear.recording(bot.account.user_id)
            assert ann.ear.started_at is not None
            at_ear = delay(phrase, began + at / pace, heard, ann.ear.started_at - 0.02)
        except ValueError:  # a machine that was too busy tore it to pieces
            phase.not_found += 1
        else:
            phase.to_room.append(to_room)
            phase.to_person.append(at_ear - in_room)
        for frames in (here, there):  # an hour of sound is not kept
            del frames[: max(0, len(frames) - int(WINDOW / 0.02))]
        if slot % 10 == 0:
            ann.ear.clear()
            details = await bot.command(place, ann, "voicebot status", details=True)
            phase.held += [(int(here), int(there)) for here, there in HELD.findall(details)]
            await asyncio.sleep(SLOT)
    await asyncio.gather(speaking, singing)
    phase.memory, phase.files, phase.threads = _held(bot)
    return phase


def _delay(phrase: Pcm, said_at: float, frames: list[tuple[float, Pcm]]) -> float:
    at, heard = timeline(frames[-int(WINDOW / 0.02) :])
    return delay(phrase, said_at, heard, at)


def _speech(seconds: float) -> Pcm:
    """Voiced sound with the melody and rhythm of speech, never quite silent, and nowhere the same."""
    samples = int(seconds * RATE)
    rng = np.random.default_rng(1)
    at = np.arange(samples, dtype=np.float32) / RATE
    beats, syllables = np.arange(0, seconds + 1, 0.15), np.arange(0, seconds + 1, 0.2)
    notes = np.interp(at, beats, rng.uniform(95, 190, len(beats)))
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    wave = np.zeros(samples, np.float32)
    for harmonic in range(1, 9):
        loudness = np.interp(at, syllables, rng.uniform(0.1, 1, len(syllables)))
        wave += (loudness * np.sin(harmonic * phase) / harmonic).astype(np.float32)
    rhythm = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * at)
    noise = rng.normal(0, 0.02, samples).astype(np.float32)
    return np.asarray(np.clip((wave * rhythm + noise) * 9000, -30_000, 30_000), np.float32).astype(np.int16)


async def _play(source: rtc.AudioSource, samples: Pcm, began: float, pace: float) -> None:
    for number in range(len(samples) // 960):
        frame = samples[number * 960 : (number + 1) * 960]
        await source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, 960))
        await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 / pace - time.monotonic()))


def _range(phase: Phase, side: int) -> str:
    values = [held[side] for held in phase.held]
    return f"{min(values)} to {max(values)}" if values else "nothing known"


def _held(bot: RunningBot) -> tuple[int, int, int]:
    """Kilobytes, open files and threads of the bot's process (Linux)."""
    assert bot.process.process is not None
    folder = Path(f"/proc/{bot.process.process.pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]), len(os.listdir(folder / "fd")), int(status["Threads"])


async def _main(minutes: float, ppm: float) -> int:
    part = minutes * 60 / 6
    clocks = (1 + ppm * 1e-6, 1 - ppm * 1e-6, 1 + ppm * 1e-6)
    async with Stage(voicebots=False) as stage:
        outcome = await run(stage, clocks=clocks, talk=part * 1.2, silence=part * 1.2)
    print(outcome, flush=True)
    first, last = outcome.phases[1], outcome.phases[-1]  # before that, connections of the start are still kept alive
    steady = last.memory <= first.memory * 1.03 and all(
        abs(phase.held_drift()) <= HELD_APART for phase in outcome.phases
    )
    for side in ("to_room", "to_person"):
        print(f"{side}: drift {outcome.drift(side) * 1000:+.0f} ms", flush=True)
        steady = steady and abs(outcome.drift(side)) <= APART
        began, ended = outcome.first_and_last(side)
        print(
            f"{side}: {began * 1000:.0f} ms in the first five minutes, {ended * 1000:.0f} ms in the last "
            f"({ended / began:.3f} times)",
            flush=True,
        )
        steady = steady and abs(ended - began) <= APART and ended / began <= GROWTH
    found = all(phase.not_found <= len(phase.to_room) // 10 for phase in outcome.phases)
    return 0 if steady and found and (last.files, last.threads) == (first.files, first.threads) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--ppm",
        type=float,
        default=300,
        help="how far the person's clock is off, in turn fast and slow, and the voicebot's the other way",
    )
    options = parser.parse_args()
    load_opus()
    end_process(asyncio.run(_main(options.minutes, options.ppm)))
