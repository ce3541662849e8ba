"""A sound without a pause."""

import numpy as np

from .delay import RATE, Pcm


def hum(seconds: float) -> Pcm:
    """A steady sound at 48 kHz, so that every missing frame shows."""
    at = np.arange(round(RATE * seconds)) / RATE
    return np.asarray((np.sin(2 * np.pi * 300 * at) * 6000 + np.sin(2 * np.pi * 730 * at) * 4000), np.int16)
