"""A slow machine runs fewer lanes at once, and a usual one all of them."""

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests import __main__ as suite
from tests import capacity
from tests.capacity import lanes, slowness


@pytest.mark.parametrize(
    ("slow", "calls", "heard"), [(0.7, 5, 3), (1.0, 5, 3), (1.5, 5, 3), (1.6, 3, 1), (2.4, 2, 1), (9.0, 2, 1)]
)
def test_lanes_by_speed(slow: float, calls: int, heard: int) -> None:
    assert (lanes(5, 2, slow), lanes(3, 1, slow)) == (calls, heard)


def test_never_more_than_there_are() -> None:
    assert lanes(1, 2, 9.0) == 1


def test_some_speed_is_measured() -> None:
    assert 0.01 < slowness() < 1000


@pytest.fixture
def process() -> Callable[[], "subprocess.Popen[bytes]"]:
    return lambda: subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def test_the_next_lane_waits_until_there_is_room(
    process: Callable[[], "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = process(), process()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            first.communicate()

    monkeypatch.setattr(capacity, "slowness", lambda: 9.0)
    monkeypatch.setattr(suite, "time", SimpleNamespace(sleep=sleep))
    suite.await_room([first], 5, 2)
    assert waits == []
    suite.await_room([first, second], 5, 2)
    assert len(waits) == 3
    second.communicate()


def test_on_a_usual_machine_nothing_waits(
    process: Callable[[], "subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    going = [process() for _ in range(4)]
    monkeypatch.setattr(capacity, "slowness", lambda: 1.0)
    suite.await_room(going, 5, 2)
    for one in going:
        one.communicate()
