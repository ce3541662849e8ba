"""Concealment that goes on gets quieter, and what comes back does not click."""

import numpy as np

from bot.bridge import FRAME_SAMPLES
from bot.bridge.fade import FRAMES_TO_SILENCE, Fade

LOUD = np.full(FRAME_SAMPLES, 10_000, np.int16)


def test_heard_sound_is_untouched() -> None:
    assert Fade().heard(LOUD) is LOUD


def test_one_lost_frame_is_concealed_at_full_level() -> None:
    fade = Fade()
    assert np.array_equal(fade.concealed(LOUD), LOUD)
    assert np.array_equal(fade.heard(LOUD), LOUD)


def test_a_row_of_them_fades_without_a_step() -> None:
    fade = Fade()
    row = np.concatenate([fade.concealed(LOUD) for _ in range(FRAMES_TO_SILENCE + 1)])
    assert np.abs(np.diff(row.astype(np.int32))).max() < 30
    assert row[-1] == 0
    back = fade.heard(LOUD)
    assert back[0] == 0
    assert np.abs(np.diff(back.astype(np.int32))).max() < 60
    assert back[-1] == LOUD[-1]
    assert fade.heard(LOUD) is LOUD


def test_after_an_announced_end_the_next_word_starts_at_once() -> None:
    fade = Fade()
    fade.heard(LOUD)
    fade.rest()
    assert fade.heard(LOUD) is LOUD


def test_after_a_loss_it_starts_softly() -> None:
    fade = Fade()
    fade.concealed(LOUD)
    fade.concealed(LOUD)
    fade.rest()
    fade.rest()
    assert fade.heard(LOUD)[0] == 0
