"""A person on a line, simulated: real Opus, real classes, time as a number. Hours pass in seconds."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from bot.bridge import FRAME_SAMPLES, SAMPLE_RATE, Frame
from bot.bridge.speaker import Speaker
from bot.voice.opus import Decoder, Encoder

FRAME = 0.02
VOWEL = 2  # seconds; what people say over and over


@cache
def vowel_packets() -> list[bytes]:
    """A voiced sound in Opus, which ends as it begins."""
    time = np.arange(VOWEL * SAMPLE_RATE) / SAMPLE_RATE
    wave = (np.sin(2 * np.pi * 150 * time) + 0.5 * np.sin(2 * np.pi * 300 * time)) * 5000
    samples = wave.astype(np.int16)
    encoder = Encoder()
    return [encoder.encode(samples[at : at + FRAME_SAMPLES]) for at in range(0, len(samples), FRAME_SAMPLES)]


@dataclass(slots=True)
class Heard:
    """What came out."""

    speaker: Speaker
    frames: list[Frame | None] = field(default_factory=list)
    #: Seconds from when a packet was said until its turn, per tick; beyond the least delay of the line.
    behind: list[float] = field(default_factory=list)

    @property
    def sound(self) -> Frame:
        silence = np.zeros(FRAME_SAMPLES, np.int16)
        return np.concatenate([silence if frame is None else frame for frame in self.frames])

    def loudness(self) -> list[float]:
        """The root mean square of each frame."""
        return [0.0 if f is None else float(np.sqrt((f.astype(np.float64) ** 2).mean())) for f in self.frames]


def talk(
    seconds: float,
    *,
    delay: Callable[[int, random.Random], float] = lambda number, rng: 0.0,
    loss: float = 0.0,
    ppm: float = 0.0,
    least: float = 0.04,
    most: float = 0.1,
    seed: int = 1,
) -> Heard:
    """Someone speaks without a pause; `delay` is in seconds per packet, `ppm` how slow the sender's clock is."""
    rng = random.Random(seed)
    packets = vowel_packets()
    count = int(seconds / FRAME)
    arrivals = []
    for number in range(count):
        if rng.random() >= loss:
            at = number * FRAME * (1 + ppm * 1e-6) + delay(number, rng)
            arrivals.append((at, number, packets[number % len(packets)]))
    arrivals.sort()
    heard = Heard(Speaker(Decoder(), least=least, most=most))
    speaker, next_arrival = heard.speaker, 0
    for tick in range(count + 5):
        now = tick * FRAME + 0.007
        while next_arrival < len(arrivals) and arrivals[next_arrival][0] <= now:
            at, number, packet = arrivals[next_arrival]
            speaker.push(1, number * FRAME_SAMPLES, packet, at)
            next_arrival += 1
        if speaker.position is not None:
            said = speaker.position / SAMPLE_RATE * (1 + ppm * 1e-6)
            heard.behind.append(now - said)
        heard.frames.append(speaker.next_frame(now))
    return heard
