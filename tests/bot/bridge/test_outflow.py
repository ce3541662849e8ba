"""What waits on its way into the room."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, SAMPLE_RATE, Frame
from bot.bridge.outflow import MARGIN, WATCHED, Outflow

PITCH = 137.0  # Hz, whose periods do not fit into a frame


def _tone(number: int) -> Frame:
    time = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / SAMPLE_RATE
    return np.asarray(np.sin(2 * np.pi * PITCH * time) * 8000, np.float64).astype(np.int16)


def _run(outflow: Outflow, frames: int, late: dict[int, float]) -> tuple[list[float], Frame]:
    """What waits before each frame, in a room that plays all the time; `late` frames come later by so many seconds."""
    held, waits, sound = 0.0, [], []
    for number in range(frames):
        held = max(0.0, held - 0.02 - late.get(number, 0.0) + late.get(number - 1, 0.0))
        waits.append(held)
        frame = outflow.fit(_tone(number), held)
        sound.append(frame)
        held += len(frame) / SAMPLE_RATE
    return waits, np.concatenate(sound)


def test_a_steady_beat_is_left_alone() -> None:
    outflow = Outflow()
    waits, sound = _run(outflow, 500, dict.fromkeys(range(0, 500, 7), 0.003))
    assert outflow.shortened == 0
    assert len(sound) == 500 * FRAME_SAMPLES
    assert max(waits) < MARGIN


@pytest.mark.parametrize("late", [0.03, 0.06])
def test_what_a_late_beat_has_made_wait_is_given_back(late: float) -> None:
    outflow = Outflow()
    waits, sound = _run(outflow, 1000, {100: late})
    assert max(waits[102:110]) > late - 0.005
    assert max(waits[102 + 12 * WATCHED :]) <= MARGIN + 0.001
    assert outflow.shortened >= 3
    assert np.abs(np.diff(sound.astype(np.int32), 2)).max() < 20  # without a click


def test_what_cannot_be_shortened_waits() -> None:
    outflow = Outflow()
    rng = np.random.default_rng(1)
    for _ in range(4 * WATCHED):
        noise = rng.normal(0, 4000, FRAME_SAMPLES).astype(np.int16)
        assert outflow.fit(noise, 0.05) is noise
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    assert sum(len(outflow.fit(silence, 0.05)) < FRAME_SAMPLES for _ in range(2 * WATCHED)) == 2
