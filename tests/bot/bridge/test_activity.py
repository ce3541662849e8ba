"""Who is speaking, by level."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import HANGOVER, SPEECH_LEVEL, VoiceActivity, level


def _noise(loudness: float) -> Frame:
    return (np.random.default_rng(1).normal(0, loudness, FRAME_SAMPLES)).astype(np.int16)


def test_level_is_the_root_mean_square() -> None:
    assert level(np.full(FRAME_SAMPLES, -500, np.int16)) == pytest.approx(500)
    assert level(np.zeros(FRAME_SAMPLES, np.int16)) == 0


def test_speech_starts_at_the_second_loud_frame_and_survives_gaps() -> None:
    activity = VoiceActivity()
    assert not activity.update(_noise(3000), 0.0)  # a click is one frame
    assert activity.update(_noise(3000), 0.02)
    assert activity.speaking
    assert not activity.update(None, 0.02 + HANGOVER / 2)
    assert activity.speaking
    assert activity.update(None, 0.03 + HANGOVER)
    assert not activity.speaking


def test_hum_is_no_speech() -> None:
    activity = VoiceActivity()
    for number in range(100):
        activity.update(_noise(SPEECH_LEVEL / 2), number * 0.02)
    assert not activity.speaking
