"""What falls due is handed out once, in order, however late one looks."""

from hypothesis import given
from hypothesis import strategies as st

from bot.call.deadlines import Deadlines


def test_steps_fall_due_in_order_and_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.start("a", 0.0, (10.0, "end"), (5.0, "warn"))
    assert deadlines.next() == 5.0
    assert deadlines.due(4.9) == []
    assert deadlines.due(5.0) == ["warn"]
    assert deadlines.next() == 10.0
    assert deadlines.due(99.0) == ["end"]
    assert deadlines.due(99.0) == []
    assert deadlines.next() is None


def test_looking_too_late_misses_nothing() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.start("a", 0.0, (5.0, "warn a"), (10.0, "end a"))
    deadlines.start("b", 0.0, (7.0, "warn b"))
    assert deadlines.due(1000.0) == ["warn a", "warn b", "end a"]


def test_starting_again_counts_from_zero_and_starting_once_does_not() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.start("a", 0.0, (5.0, "x"))
    deadlines.start_once("a", 3.0, (5.0, "x"))
    assert deadlines.next() == 5.0
    deadlines.start("a", 3.0, (5.0, "x"))
    assert deadlines.next() == 8.0


def test_stopped_it_never_falls_due() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.start("a", 0.0, (5.0, "x"))
    deadlines.stop("a")
    deadlines.stop("never started")
    assert deadlines.due(99.0) == []


@given(
    steps=st.lists(st.floats(0, 100), min_size=1, max_size=8),
    looks=st.lists(st.floats(0, 120), max_size=10).map(sorted),
)
def test_everything_comes_once_and_never_early(steps: list[float], looks: list[float]) -> None:
    deadlines: Deadlines[float] = Deadlines()
    deadlines.start("a", 0.0, *((after, after) for after in steps))
    seen: list[float] = []
    for look in [*looks, 200.0]:
        found = deadlines.due(look)
        assert all(due <= look for due in found)
        seen += found
    assert seen == sorted(steps)
