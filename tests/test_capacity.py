"""A slow machine runs fewer lanes at once, and a usual one all of them."""

import pytest

from tests.capacity import lanes, slowness


@pytest.mark.parametrize(
    ("slow", "calls", "heard"), [(0.7, 5, 3), (1.2, 5, 3), (1.3, 3, 1), (1.6, 3, 1), (2.4, 2, 1), (9.0, 2, 1)]
)
def test_lanes_by_speed(slow: float, calls: int, heard: int) -> None:
    assert (lanes(5, 2, slow), lanes(3, 1, slow)) == (calls, heard)


def test_never_more_than_there_are() -> None:
    assert lanes(1, 2, 9.0) == 1


def test_some_speed_is_measured() -> None:
    assert 0.01 < slowness() < 1000
