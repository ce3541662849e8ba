"""What a tick costs in which 25 people speak at once, against bare decoding of their packets in the same run.

All of a call's work per person is in it (jitter buffer, decoding, stretching, loudness, activity, mixing), and nothing
of the wires. A tick that takes 20 ms would lose the next one.
"""

import time
from statistics import quantiles

import numpy as np

from bot.bridge import FRAME_SAMPLES
from bot.bridge.mixer import Mixer
from bot.bridge.speaker import Speaker
from bot.voice.opus import Decoder, Encoder
from sandbox.people.hum import hum

from .table import Row

PEOPLE = 25
TICKS = 1500  # of 20 ms
WARM = 100


async def run() -> list[Row]:
    """Two rows: the median against bare decoding, and the slowest of a hundred against the beat."""
    packets = _packets()
    ours, bare = _ours(packets)[WARM:], _bare(packets)[WARM:]
    middle, floor = sorted(ours)[len(ours) // 2], sorted(bare)[len(bare) // 2]
    slow = quantiles(ours, n=100)[98]
    return [
        Row(
            f"A tick with {PEOPLE} people speaking / decoding their packets alone",
            f"{1000 * middle:.2f} ms",
            f"{1000 * floor:.2f} ms",
            f"{middle / floor:.2f}",
            "≤ 4",
            middle / floor <= 4,
        ),
        Row(
            f"The slowest of a hundred ticks with {PEOPLE} people / the 20 ms it may take",
            f"{1000 * slow:.2f} ms",
            "20 ms",
            f"{slow / 0.02:.2f}",
            "≤ 0.5",
            slow / 0.02 <= 0.5,
        ),
    ]


def _packets() -> list[bytes]:
    encoder, samples = Encoder(), np.asarray(hum(2), np.int16)
    return [encoder.encode(samples[at : at + FRAME_SAMPLES]) for at in range(0, len(samples), FRAME_SAMPLES)]


def _ours(packets: list[bytes]) -> list[float]:
    """Seconds for each tick."""
    people, mixer, took = [Speaker(Decoder(), least=0.04, most=0.1, balance=True) for _ in range(PEOPLE)], Mixer(), []
    for tick in range(TICKS):
        now = tick * 0.02
        started = time.perf_counter()
        for place, person in enumerate(people):
            person.push(place, tick * FRAME_SAMPLES, packets[(tick + 7 * place) % len(packets)], now)
        frames = [frame for person in people if (frame := person.next_frame(now)) is not None]
        if frames:
            mixer.mix(frames)
        took.append(time.perf_counter() - started)
    return took


def _bare(packets: list[bytes]) -> list[float]:
    decoders, took = [Decoder() for _ in range(PEOPLE)], []
    for tick in range(TICKS):
        started = time.perf_counter()
        for place, decoder in enumerate(decoders):
            decoder.decode(packets[(tick + 7 * place) % len(packets)])
        took.append(time.perf_counter() - started)
    return took
