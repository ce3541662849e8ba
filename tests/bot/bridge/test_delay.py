"""What a line is like, from the arrivals alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bridge.delay import DelayEstimator

FRAME = 0.02


def _feed(estimator: DelayEstimator, delays: list[float], *, start: float = 0.0, ppm: float = 0.0) -> float:
    """Packets of one spurt with these delays; when the last one arrived."""
    now = start
    for number, delay in enumerate(delays):
        now = start + number * FRAME * (1 + ppm * 1e-6) + delay
        estimator.update(start + number * FRAME, now)
    return now


def test_a_clean_line_needs_no_more_than_the_least() -> None:
    estimator = DelayEstimator(0.04, 0.1)
    _feed(estimator, [0.05] * 500)
    assert estimator.depth == 0.04
    assert estimator.jitter == pytest.approx(0.0, abs=1e-9)
    assert estimator.base == pytest.approx(0.05)


@pytest.mark.parametrize("jitter", [0.05, 0.07])
def test_the_depth_covers_nearly_all_of_the_jitter(jitter: float) -> None:
    rng = random.Random(1)
    estimator = DelayEstimator(0.04, 0.2)
    delays = [rng.random() * jitter for _ in range(1000)]
    _feed(estimator, delays)
    in_time = sum(delay <= estimator.depth for delay in delays) / len(delays)
    assert in_time > 0.97
    assert estimator.depth <= jitter + 0.02


def test_the_depth_has_a_ceiling() -> None:
    rng = random.Random(1)
    estimator = DelayEstimator(0.04, 0.1)
    _feed(estimator, [rng.random() * 0.4 for _ in range(1000)])
    assert estimator.depth == 0.1


def test_a_bad_minute_is_forgotten() -> None:
    rng = random.Random(1)
    estimator = DelayEstimator(0.04, 0.2)
    end = _feed(estimator, [rng.random() * 0.15 for _ in range(500)])
    assert estimator.depth > 0.1
    _feed(estimator, [0.0] * 2500, start=end + 1)
    assert estimator.depth == 0.04


@pytest.mark.parametrize("ppm", [300, -300])
def test_clocks_that_drift_apart_are_no_jitter(ppm: float) -> None:
    """300 ppm are a second in an hour."""
    estimator = DelayEstimator(0.04, 0.2)
    now = _feed(estimator, [0.03] * 60_000, ppm=ppm)
    assert estimator.depth == 0.04
    behind = (now - 59_999 * FRAME) - (estimator.base or 0.0)
    assert -0.0005 < behind < 0.005


def test_a_longer_route_becomes_the_new_normal() -> None:
    estimator = DelayEstimator(0.04, 0.2)
    _feed(estimator, [0.03] * 500 + [0.15] * 500)
    assert estimator.base == pytest.approx(0.15)


def test_media_time_that_jumps_is_no_delay() -> None:
    estimator = DelayEstimator(0.04, 0.2)
    _feed(estimator, [0.0] * 100)
    for number in range(100):
        estimator.update(89_000 + number * FRAME, 2 + number * FRAME)
    assert estimator.depth == 0.04
    assert estimator.jitter == pytest.approx(0.0, abs=1e-6)


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 1e5)), max_size=200))
def test_nothing_takes_it_out_of_its_bounds(arrivals: list[tuple[float, float]]) -> None:
    estimator = DelayEstimator(0.04, 0.1)
    for position, now in arrivals:
        estimator.update(position, now)
        assert 0.04 <= estimator.depth <= 0.1
