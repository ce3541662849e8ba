"""Who is speaking, by level."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import HANGOVER, NOISE_FRAMES, SPEECH_LEVEL, VoiceActivity, rms


def _noise(loudness: float) -> Frame:
    return (np.random.default_rng(1).normal(0, loudness, FRAME_SAMPLES)).astype(np.int16)


def test_level_is_the_root_mean_square() -> None:
    assert rms(np.full(FRAME_SAMPLES, -500, np.int16)) == pytest.approx(500)
    assert rms(np.zeros(FRAME_SAMPLES, np.int16)) == 0


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


def _hear(activity: VoiceActivity, loudness: float, frames: int) -> float:
    """The share of frames that count as loud."""
    loud = 0
    for number in range(frames):
        rng = np.random.default_rng(number)
        activity.update(rng.normal(0, loudness, FRAME_SAMPLES).astype(np.int16), number * 0.02)
        loud += activity.loud
    return loud / frames


def test_a_fan_at_an_open_microphone_is_no_speech_after_a_while() -> None:
    activity = VoiceActivity()
    _hear(activity, 400, 2 * NOISE_FRAMES)
    assert _hear(activity, 400, 200) == 0
    assert not activity.speaking
    assert _hear(activity, 1600, 10) == 1  # who speaks beside it is heard at once
    assert activity.speaking


def test_who_speaks_without_end_goes_on_speaking() -> None:
    activity = VoiceActivity()
    for number in range(1000):
        pause = number % 50 >= 42  # as between words
        activity.update(_noise(60 if pause else 800), number * 0.02)
        assert activity.loud != pause
    assert _hear(VoiceActivity(), 3000, 1000) == 1  # louder than any fan


def test_a_room_that_becomes_quiet_is_known_at_once() -> None:
    activity = VoiceActivity()
    _hear(activity, 400, 3 * NOISE_FRAMES)
    _hear(activity, 20, 2 * NOISE_FRAMES)
    assert _hear(activity, 400, 10) == 1
