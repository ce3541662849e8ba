"""What Opus costs and is worth for the voicebot's voice, by complexity and bitrate: why the defaults are what they are.

Worth is the log-spectral distance between the speech and what a listener decodes, in dB over the bands that speech has,
on the whole and in the worst twentieth of the frames, where transients are: less is better.
"""

import asyncio
import itertools
import time

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.voice.opus import Decoder, Encoder
from sandbox.people.speech import speak

from .table import Row

SENTENCES = (
    "The gallery on the second floor is open until six, and the cafe until five.",
    "He collected maps, ships in bottles, and many old paintings.",
)
CHOICES = ((64, 0), (64, 2), (64, 3), (64, 4), (64, 5), (64, 8), (64, 10), (32, 5), (48, 5), (96, 5))
DEFAULT = (64, 5)
LOOKAHEAD = 312  # samples by which libopus delays sound at 48 kHz: OPUS_GET_LOOKAHEAD
LOWEST, HIGHEST = 100, 7000  # Hz


async def run() -> list[Row]:
    """One row per choice."""
    return await asyncio.to_thread(_all)


def _all() -> list[Row]:
    speech = np.concatenate([speak(sentence) for sentence in SENTENCES])
    speech = speech[: len(speech) // FRAME_SAMPLES * FRAME_SAMPLES]
    measured = {choice: _measure(speech, *choice) for choice in CHOICES}
    base_time, base_distance, base_worst = measured[DEFAULT]
    return [
        Row(
            f"Opus at {bitrate} kbit/s, complexity {complexity}",
            f"{took * 1e6:.0f} µs a frame, {distance:.2f} dB off, worst frames {worst:.2f} dB",
            f"default: {base_time * 1e6:.0f} µs, {base_distance:.2f} dB, {base_worst:.2f} dB",
            f"{took / base_time:.2f} of the time, {distance - base_distance:+.2f} dB",
            "-",
            True,
        )
        for (bitrate, complexity), (took, distance, worst) in measured.items()
    ]


def _measure(speech: Frame, bitrate: int, complexity: int) -> tuple[float, float, float]:
    """Seconds per frame (the median), and the distance in dB, its mean and its 95th percentile."""
    encoder, decoder = Encoder(bitrate=bitrate * 1000, complexity=complexity), Decoder()
    heard, times = [], []
    for at in range(0, len(speech), FRAME_SAMPLES):
        frame = np.ascontiguousarray(speech[at : at + FRAME_SAMPLES])
        started = time.perf_counter()
        packet = encoder.encode(frame)
        times.append(time.perf_counter() - started)
        heard.append(decoder.decode(packet))
    decoded = np.concatenate(heard)[LOOKAHEAD:]
    return float(np.median(times)), *_distance(speech[: len(decoded)], decoded)


def _distance(said: Frame, heard: Frame) -> tuple[float, float]:
    """Over frames with speech, the root mean square difference of log spectra in 24 bands: mean, 95th percentile."""
    edges = np.geomspace(LOWEST, HIGHEST, 25) * FRAME_SAMPLES / 48_000
    window = np.hanning(FRAME_SAMPLES)
    distances = []
    for at in range(0, len(said) - FRAME_SAMPLES, FRAME_SAMPLES):
        bands = []
        for sound in (said, heard):
            power = np.abs(np.fft.rfft(sound[at : at + FRAME_SAMPLES] * window)) ** 2
            sums = [power[int(low) : max(int(low) + 1, int(high))].sum() for low, high in itertools.pairwise(edges)]
            bands.append(10 * np.log10(np.array(sums) + 1e4))
        if bands[0].max() > 60:
            distances.append(float(np.sqrt(((bands[0] - bands[1]) ** 2).mean())))
    return float(np.mean(distances)), float(np.percentile(distances, 95))
