"""Many voices in one frame, none clipped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bot.bridge import FRAME_SAMPLES, SAMPLE_RATE, Frame
from bot.bridge.mixer import ATTACK, CEILING, Mixer

FRAMES = hnp.arrays(np.int16, FRAME_SAMPLES)
#: Hertz of five voices, none a multiple of another.
PITCHES = (123.0, 161.0, 217.0, 283.0, 351.0)


def _constant(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, np.int16)


def _tones(number: int, amplitude: float) -> list[Frame]:
    """The frame of that number of five people who hum."""
    time = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / SAMPLE_RATE
    return [np.asarray(np.sin(2 * np.pi * pitch * time) * amplitude, np.float64).astype(np.int16) for pitch in PITCHES]


def test_one_voice_alone_is_untouched() -> None:
    frame = _constant(31_000)
    assert Mixer().mix([frame]) is frame


def test_quiet_voices_are_summed_exactly() -> None:
    assert (Mixer().mix([_constant(1000), _constant(-300), _constant(7)]) == 707).all()


def _distortion(sound: Frame) -> float:
    """Energy anywhere but at the five pitches, against all of it, in dB."""
    wave = sound.astype(np.float64) * np.blackman(len(sound))
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    own = np.min([np.abs(hertz - pitch) for pitch in PITCHES], axis=0) < 12
    return float(10 * np.log10(power[~own].sum() / power.sum()))


def test_five_who_laugh_at_once_are_turned_down_and_not_distorted() -> None:
    mixer = Mixer()
    mixed = np.concatenate([mixer.mix(_tones(number, 11_000)) for number in range(150)])[FRAME_SAMPLES * 20 :]
    sums = [np.sum(_tones(number, 11_000), axis=0, dtype=np.int32) for number in range(20, 150)]
    clipped = np.clip(np.concatenate(sums), -32_768, 32_767).astype(np.int16)
    assert np.abs(mixed.astype(np.int32)).max() <= 32_767
    assert _distortion(mixed) < -32
    assert _distortion(clipped) > -22


def test_the_gain_moves_without_steps_and_comes_back() -> None:
    mixer = Mixer()
    sound = [mixer.mix(_tones(number, 11_000)) for number in range(50)]
    sound += [mixer.mix(_tones(number, 3_000)[:1]) for number in range(50, 100)]
    assert mixer.gain == 1.0
    alone = _tones(100, 3_000)[0]
    assert mixer.mix([alone]) is alone
    corners = np.abs(np.diff(np.concatenate(sound[1:50]).astype(np.int32), 2))
    assert corners.max() < 600  # the attack; a clip makes thousands
    assert np.abs(np.diff(np.concatenate(sound[50:]).astype(np.int32), 2)).max() < 20


@pytest.mark.parametrize("phase", range(0, FRAME_SAMPLES, 37))
def test_wherever_a_swell_passes_the_ceiling_there_is_no_step(phase: int) -> None:
    mixer = Mixer()
    time = (np.arange(80 * FRAME_SAMPLES) + phase) / SAMPLE_RATE
    swell = np.linspace(8_000, 22_000, len(time))
    voices = [(np.sin(2 * np.pi * pitch * time) * swell).astype(np.int16) for pitch in (110.0, 151.0)]
    mixed = [
        mixer.mix([voice[at : at + FRAME_SAMPLES] for voice in voices]) for at in range(0, len(time), FRAME_SAMPLES)
    ]
    assert mixer.gain < 0.9
    assert np.abs(np.diff(np.concatenate(mixed).astype(np.int32), 2)).max() < 150


@given(st.lists(st.lists(FRAMES, min_size=1, max_size=6), min_size=1, max_size=6))
def test_nothing_clips_changes_sign_or_gets_louder(mixes: list[list[Frame]]) -> None:
    mixer = Mixer()
    for number, frames in enumerate(mixes):
        total = np.asarray(np.sum(frames, axis=0, dtype=np.int64))
        mixed = mixer.mix(frames).astype(np.int64)
        assert (np.sign(mixed) * np.sign(total) >= 0).all()
        assert (np.abs(mixed) <= np.abs(total)).all()
        if len(frames) > 1:
            assert np.abs(mixed[ATTACK:]).max() <= CEILING
        if number == 0 and np.abs(total).max() <= CEILING:
            assert (mixed == total).all()
