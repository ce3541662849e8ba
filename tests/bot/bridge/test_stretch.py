"""Shorter and longer speech, looked at as a wave: same pitch, no click."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, SAMPLE_RATE, Frame
from bot.bridge.stretch import ALIKE, LONGEST, SHORTEST, find_period, is_quiet, lengthen, shorten


def _voiced(pitch: float, samples: int = FRAME_SAMPLES, at: int = 0) -> Frame:
    """A vowel: a pitch and some of its harmonics, with an envelope that changes as speech's does."""
    time = (np.arange(samples) + at) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * pitch * h * time + h) / h for h in (1, 2, 3, 5))
    return np.asarray(wave * 6000, np.float64).astype(np.int16)


def _steepest(sound: Frame) -> int:
    return int(np.abs(np.diff(sound.astype(np.int32))).max())


def _pitch(sound: Frame) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 16))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / (1 << 16)


@pytest.mark.parametrize("pitch", [105, 130, 180, 220, 310, 390])
def test_the_period_is_one_or_more_of_the_pitch(pitch: float) -> None:
    period = find_period(_voiced(pitch))
    rounds = period.samples / (SAMPLE_RATE / pitch)
    assert period.likeness > 0.95
    assert abs(rounds - round(rounds)) < 0.08
    assert SHORTEST <= period.samples <= LONGEST


def test_noise_has_none() -> None:
    noise = np.random.default_rng(1).normal(0, 4000, FRAME_SAMPLES).astype(np.int16)
    assert find_period(noise).likeness < ALIKE
    assert not is_quiet(noise)
    assert is_quiet((noise // 100).astype(np.int16))


@pytest.mark.parametrize("pitch", [110, 200, 350])
def test_shorter_and_longer_are_smooth_and_keep_the_pitch(pitch: float) -> None:
    parts_short, parts_long = [], []
    sound = _voiced(pitch, 50 * FRAME_SAMPLES)
    for start in range(0, len(sound), FRAME_SAMPLES):
        frame = sound[start : start + FRAME_SAMPLES]
        period = find_period(frame).samples
        # every eighth frame, about as often as a drifting clock in a hurry would ask for it
        every_eighth = start // FRAME_SAMPLES % 8 == 0
        parts_short.append(shorten(frame, period) if every_eighth else frame)
        parts_long.append(lengthen(frame, period) if every_eighth else frame)
    shorter, longer = np.concatenate(parts_short), np.concatenate(parts_long)
    assert len(shorter) < len(sound) < len(longer)
    for changed in (shorter, longer):
        assert changed.dtype == np.int16
        assert _pitch(changed) == pytest.approx(_pitch(sound), abs=4)
        assert _steepest(changed) < 1.25 * _steepest(sound)


def test_lengths_are_exact() -> None:
    frame = _voiced(200)
    assert len(shorten(frame, 240)) == FRAME_SAMPLES - 240
    assert len(lengthen(frame, 240)) == FRAME_SAMPLES + 240
    assert np.array_equal(lengthen(frame, 240)[-(FRAME_SAMPLES - 240) :], frame[240:])


def test_silence_is_no_trouble() -> None:
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    assert len(shorten(silence, find_period(silence).samples)) < FRAME_SAMPLES
    assert is_quiet(silence)
