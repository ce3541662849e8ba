"""How late sound arrives: what was said, found again in what was heard, by cross-correlation. Pure.

Sound that went through Opus twice is not the same samples, but its 8 kHz waveform still matches to a few samples, which
is a resolution far below a 20 ms frame.
"""

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
_DECIMATE = 6  # to 8 kHz, where speech is

Pcm = NDArray[np.int16]


def timeline(frames: list[tuple[float, Pcm]]) -> tuple[float, Pcm]:
    """(start time, samples) of frames that each came at a time when their last sample was due.

    A receiver hands out frames in bunches of a few milliseconds; the median over all of them is when the first would
    have come without that.
    """
    if not frames:
        return 0.0, np.zeros(0, np.int16)
    samples = np.concatenate([pcm for _, pcm in frames])
    ends = np.cumsum([len(pcm) for _, pcm in frames]) / RATE
    starts = np.array([at for at, _ in frames]) - ends
    return float(np.median(starts)), samples


def levels(start: float, samples: Pcm) -> list[tuple[float, float]]:
    """(time, root mean square) of every 20 ms of some sound that began at `start`."""
    frames = samples[: len(samples) // 960 * 960].reshape(-1, 960).astype(np.float64)
    return [(start + 0.02 * number, float(level)) for number, level in enumerate(np.sqrt((frames**2).mean(axis=1)))]


def delay(said: Pcm, said_at: float, heard: Pcm, heard_at: float, *, longest: float = 3.0) -> float:
    """Seconds from saying to hearing; ValueError when it cannot be found again within `longest` seconds."""
    first = max(0, round((said_at - heard_at) * RATE))
    window = heard[first : first + len(said) + round(longest * RATE)]
    needle, haystack = _prepare(said), _prepare(window)
    if len(haystack) <= len(needle):
        raise ValueError("too little was heard")
    size = 1 << (len(needle) + len(haystack)).bit_length()
    product = np.fft.irfft(np.fft.rfft(haystack, size) * np.conj(np.fft.rfft(needle, size)), size)
    lags = product[: len(haystack) - len(needle) + 1]
    best = int(np.argmax(lags))
    energy = np.linalg.norm(needle) * np.linalg.norm(haystack[best : best + len(needle)])
    if energy == 0 or lags[best] / energy < 0.3:
        raise ValueError("what was said was not heard")
    return heard_at + first / RATE + best * _DECIMATE / RATE - said_at


def _prepare(samples: Pcm) -> NDArray[np.float64]:
    usable = len(samples) // _DECIMATE * _DECIMATE
    return np.asarray(samples[:usable].astype(np.float64).reshape(-1, _DECIMATE).mean(axis=1))
