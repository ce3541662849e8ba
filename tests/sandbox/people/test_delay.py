"""Delays are found again to the millisecond."""

import numpy as np
import pytest

from sandbox.people.delay import delay, timeline

RATE = 48_000


def _speech(seconds: float) -> np.ndarray:
    noise = np.random.default_rng(7).normal(0, 3000, round(seconds * RATE))
    return np.convolve(noise, np.ones(24) / 24, "same").astype(np.int16)


@pytest.mark.parametrize("late", [0.0, 0.117, 1.4])
def test_a_known_delay(late: float) -> None:
    said = _speech(1.5)
    heard = np.concatenate([np.zeros(round((2.0 + late) * RATE), np.int16), said // 2, np.zeros(RATE, np.int16)])
    assert delay(said, 12.0, heard, 10.0) == pytest.approx(late, abs=0.001)


def test_what_was_not_heard_is_not_found() -> None:
    with pytest.raises(ValueError, match="not heard"):
        delay(_speech(1.0), 0.0, np.random.default_rng(1).normal(0, 900, 4 * RATE).astype(np.int16), 0.0)
    with pytest.raises(ValueError, match="too little"):
        delay(_speech(1.0), 0.0, np.zeros(100, np.int16), 0.0)


def test_a_timeline_starts_where_the_median_frame_says() -> None:
    frames = [
        (5.0 + number * 0.02 + 0.02 + (0.004 if number % 3 == 0 else 0.0), np.ones(960, np.int16))
        for number in range(9)
    ]
    start, samples = timeline(frames)
    assert start == pytest.approx(5.0)
    assert len(samples) == 9 * 960
