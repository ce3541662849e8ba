"""What never came, by sequence numbers."""

from hypothesis import given
from hypothesis import strategies as st

from bot.voice.losses import LossCounter


def _count(*sequences: int) -> int:
    counter = LossCounter()
    for sequence in sequences:
        counter.update(sequence & 0xFFFF)
    return counter.lost


def test_gaps_are_counted_however_long() -> None:
    assert _count(1, 2, 3) == 0
    assert _count(1, 3, 4, 30) == 26
    assert _count(0xFFFE, 1) == 2  # across the wrap


def test_what_comes_late_was_not_lost_and_what_comes_twice_is_no_gain() -> None:
    assert _count(1, 4, 2) == 1
    assert _count(1, 4, 4, 4, 5, 1) == 2
    assert _count(1, 4, 2, 2, 3, 3) == 0


def test_a_new_beginning_is_no_loss() -> None:
    assert _count(1, 2, 20_000, 20_001) == 0
    assert _count(20_000, 3, 4) == 0
    assert _count(1, 5, 20_000) == 3


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.sampled_from(["comes", "lost", "late", "twice"]), min_size=1, max_size=300),
)
def test_in_the_end_lost_is_what_never_came(start: int, fates: list[str]) -> None:
    """The first and the last do come; what is late comes a few packets later."""
    counter, waiting = LossCounter(), list[tuple[int, int]]()
    counter.update(start)
    for number, fate in enumerate(fates, 1):
        for due, sequence in [entry for entry in waiting if entry[0] <= number]:
            counter.update(sequence)
            waiting.remove((due, sequence))
        sequence = (start + number) & 0xFFFF
        if fate == "late":
            waiting.append((number + 5, sequence))
        elif fate != "lost":
            for _ in range(2 if fate == "twice" else 1):
                counter.update(sequence)
    counter.update((start + len(fates) + 1) & 0xFFFF)
    for _, sequence in waiting:
        counter.update(sequence)
    assert counter.lost == fates.count("lost")
