"""Many voices in one frame, none clipped."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.mixer import KNEE, mix

FRAMES = hnp.arrays(np.int16, FRAME_SAMPLES)


def _constant(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, np.int16)


def test_one_voice_alone_is_untouched() -> None:
    frame = _constant(30_000)
    assert mix([frame]) is frame


def test_quiet_voices_are_summed_exactly() -> None:
    assert (mix([_constant(1000), _constant(-300), _constant(7)]) == 707).all()


def test_loud_voices_are_pressed_and_not_cut() -> None:
    louder, loudest = mix([_constant(20_000)] * 2)[0], mix([_constant(20_000)] * 5)[0]
    assert KNEE < louder < loudest < 32_767


@given(st.lists(FRAMES, min_size=2, max_size=8))
def test_the_sign_and_the_order_of_sums_are_kept(frames: list[Frame]) -> None:
    total = np.asarray(np.sum(frames, axis=0, dtype=np.int64))
    mixed = mix(frames).astype(np.int64)
    assert (np.sign(mixed) * np.sign(total) >= 0).all()
    quiet = np.abs(total) <= KNEE
    assert (mixed[quiet] == total[quiet]).all()
    assert (np.abs(mixed) <= np.abs(total)).all()
