"""Speech made a few milliseconds shorter or longer without a click or a change of pitch.

One pitch period is taken out or put in where the waveform repeats itself, cross-faded with its neighbour: waveform
similarity overlap-add (Verhelst and Roelands, ICASSP 1993), as NetEq's accelerate and preemptive expand do it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import SAMPLE_RATE, Frame

#: The periods looked for, in samples: 2.5 to 10 ms, so that two of them fit into one frame.
SHORTEST, LONGEST = 120, 480
#: How alike two periods must be (normalised correlation) to be melted into one.
ALIKE = 0.6
#: Mean amplitude below which anything may be cut: nobody hears where background noise was joined.
QUIET = 120.0
_STEP = 6  # the search runs at 8 kHz
_BEND = 48  # samples: 1 ms


@dataclass(frozen=True, slots=True)
class Period:
    """A repetition at the start of some sound: its length in samples, and how alike the two rounds are (-1 to 1)."""

    samples: int
    likeness: float


def find_period(sound: Frame) -> Period:
    """The lag from 2.5 to 10 ms at which the start of `sound` (20 ms or more) repeats itself best."""
    coarse: NDArray[np.float32] = sound[: 2 * LONGEST : _STEP].astype(np.float32)
    longest, shortest = LONGEST // _STEP, SHORTEST // _STEP
    first = coarse[:longest]
    products = np.correlate(coarse, first, "valid")[shortest:]
    squares = np.concatenate(([0.0], np.cumsum(coarse * coarse)))
    energies = squares[longest + shortest :] - squares[shortest : len(squares) - longest]
    likeness = products / np.sqrt(energies * squares[longest] + 1.0)
    best = int(np.argmax(likeness))
    return Period((best + shortest) * _STEP, float(likeness[best]))


def seam(sound: Frame) -> int | None:
    """The period at the start of `sound` (20 ms or more) that can be taken out or said twice unheard; None for none."""
    period = find_period(sound)
    return period.samples if period.likeness >= ALIKE or is_quiet(sound) else None


def is_quiet(sound: Frame) -> bool:
    """Whether a cut anywhere in it goes unheard."""
    return float(np.abs(sound.astype(np.float32)).mean()) < QUIET


def shorten(sound: Frame, period: int) -> Frame:
    """`sound` less `period` samples: its first two periods become one."""
    melted = _melt(sound[:period], sound[period : 2 * period])
    return np.concatenate((melted, sound[2 * period :]))


def lengthen(sound: Frame, period: int) -> Frame:
    """`sound` and `period` samples more: its first period is said twice."""
    melted = _melt(sound[period : 2 * period], sound[:period])
    return np.concatenate((sound[:period], melted, sound[period:]))


def go_on(sound: Frame) -> Frame:
    """20 ms of what would follow on `sound` (20 ms or more) if its last pitch period went on."""
    backwards = sound[::-1]
    period = _refine(backwards, find_period(backwards).samples)
    last = sound[-period:].astype(np.float32)
    # From one round to the next the end of a period must lead to its beginning; where it is not quite alike, bend it.
    bend = min(period // 4, _BEND)
    weight = np.linspace(0, 1, bend, dtype=np.float32)
    last[-bend:] = last[-bend:] * (1 - weight) + sound[-period - bend : -period] * weight
    return np.resize(np.asarray(last, np.float32).astype(np.int16), SAMPLE_RATE // 50)


def _refine(sound: Frame, period: int) -> int:
    """A period to the sample: the coarse search is off by three, which is heard where nothing is cross-faded."""
    wave = sound.astype(np.float32)
    first = wave[: LONGEST - _STEP]
    lags = range(max(SHORTEST, period - _STEP), min(LONGEST, period + _STEP) + 1)
    return min(lags, key=lambda lag: float(np.abs(first - wave[lag : lag + len(first)]).sum()))


def _melt(fading: Frame, rising: Frame) -> Frame:
    weight = np.linspace(0, 1, len(fading), dtype=np.float32)
    return np.asarray(fading * (1 - weight) + rising * weight, np.float32).astype(np.int16)


assert LONGEST * 2 <= SAMPLE_RATE // 50, "two periods must fit into a frame"
