"""The quiet one is heard beside the loud one, and nothing leaves the scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import rms
from bot.bridge.auto_gain import LOUDER, SOFTER, TARGET, AutoGain


def _voice(loudness: float, number: int = 0) -> Frame:
    time = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / 48_000
    return np.asarray(np.sin(2 * np.pi * 150 * time) * loudness * np.sqrt(2), np.float64).astype(np.int16)


def _say(balance: AutoGain, loudness: float, frames: int = 200) -> list[Frame]:
    said = []
    for number in range(frames):
        frame = _voice(loudness, number)
        said.append(balance.apply(frame, rms(frame), speaking=True))
    return said


@pytest.mark.parametrize("loudness", [800, 1500, 2600, 5000])
def test_ordinary_voices_end_up_equally_loud(loudness: float) -> None:
    assert rms(_say(AutoGain(), loudness)[-1]) == pytest.approx(TARGET, rel=0.06)


def test_a_whisper_is_not_blown_up_without_end() -> None:
    assert rms(_say(AutoGain(), 200)[-1]) == pytest.approx(200 * LOUDER, rel=0.06)
    assert rms(_say(AutoGain(), 12_000)[-1]) == pytest.approx(12_000 * SOFTER, rel=0.06)


def test_it_moves_slowly_and_without_steps() -> None:
    balance = AutoGain()
    sound = np.concatenate(_say(balance, 800, 60))
    assert np.abs(np.diff(sound.astype(np.int32), 2)).max() < 8
    first = rms(sound[:FRAME_SAMPLES])
    assert first == pytest.approx(800, rel=0.05)


def test_nobody_is_made_louder_into_anothers_words() -> None:
    balance = AutoGain()
    assert rms(_say(balance, 800)[-1]) == pytest.approx(TARGET, rel=0.06)
    beside = [balance.apply(_voice(800, n), 800, speaking=True, alone=False) for n in range(200, 215)]
    assert rms(beside[-1]) == pytest.approx(800, rel=0.02)
    assert np.abs(np.diff(np.concatenate(beside).astype(np.int32), 2)).max() < 40  # no step on the way
    again = [balance.apply(_voice(800, n), 800, speaking=True) for n in range(215, 300)]
    assert rms(again[-1]) == pytest.approx(TARGET, rel=0.06)


def test_a_loud_voice_is_softened_all_the_same() -> None:
    balance = AutoGain()
    _say(balance, 12_000)
    frame = _voice(12_000, 300)
    beside = [balance.apply(frame, rms(frame), speaking=True, alone=False) for _ in range(20)]
    assert rms(beside[-1]) == pytest.approx(12_000 * SOFTER, rel=0.06)


def test_a_pause_changes_nothing() -> None:
    balance = AutoGain()
    _say(balance, 800)
    gain = balance.gain
    for _ in range(500):
        balance.apply(_voice(30), 30, speaking=False)
    assert balance.gain == gain


def test_a_voice_that_is_right_is_untouched() -> None:
    frame = _voice(TARGET)
    balance = AutoGain()
    assert balance.apply(frame, rms(frame), speaking=False) is frame


def test_a_loud_sentence_after_a_quiet_one_has_no_steps() -> None:
    """At a sample that is not zero the gain is what comes out over what goes in: it is the same across every border."""
    balance = AutoGain()
    rng = np.random.default_rng(4)
    gain, loudness = 1.0, 500.0
    for then in [500.0] * 200 + list(rng.uniform(500, 20_000, 400)):
        sign = np.where(np.arange(FRAME_SAMPLES) % 320 < 160, 1, -1)
        frame = (sign * np.linspace(loudness, then, FRAME_SAMPLES)).astype(np.int16)
        gains = balance.apply(frame, rms(frame), speaking=True) / frame
        assert np.abs(np.diff(gains, prepend=gain)).max() < 0.05
        gain, loudness = float(gains[-1]), then


@given(st.lists(st.floats(0, 23_000), min_size=1, max_size=60))
def test_a_shout_after_whispers_stays_on_the_scale(loudnesses: list[float]) -> None:
    balance = AutoGain()
    _say(balance, 200, 100)
    for number, loudness in enumerate(loudnesses):
        frame = _voice(loudness, number)
        louder = balance.apply(frame, rms(frame), speaking=True)
        # An overflow would turn the sign of a sample around.
        assert (np.sign(louder.astype(np.int32)) * np.sign(frame.astype(np.int32)) >= 0).all()
    assert SOFTER <= balance.gain <= LOUDER
