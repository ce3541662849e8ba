"""The voicebot's frames on their way out: prefill, ceiling, ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.playout import HANGOVER_FRAMES, Playout

SILENT: Frame = np.zeros(FRAME_SAMPLES, np.int16)


def _loud(number: int) -> Frame:
    return np.full(FRAME_SAMPLES, 1000 + number, np.int16)


def test_a_burst_starts_when_the_prefill_is_there() -> None:
    playout = Playout(prefill=2)
    playout.push(_loud(0))
    assert playout.pop() is None
    playout.push(_loud(1))
    first, second = playout.pop(), playout.pop()
    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (1000, 1001)


def test_beyond_the_ceiling_the_oldest_go() -> None:
    playout = Playout(prefill=1, ceiling=3)
    for number in range(10):
        playout.push(_loud(number))
    assert len(playout) == 3
    assert playout.stats.dropped == 7
    frame = playout.pop()
    assert frame is not None
    assert frame[0] == 1007


def test_silence_is_not_played() -> None:
    playout = Playout(prefill=1)
    for _ in range(50):
        playout.push(SILENT)
    assert len(playout) == 0
    assert playout.pop() is None


def test_a_word_ends_softly_and_then_the_burst_is_over() -> None:
    playout = Playout(prefill=1, ceiling=100)
    playout.push(_loud(0))
    for _ in range(HANGOVER_FRAMES + 20):
        playout.push(SILENT)
    assert len(playout) == 1 + HANGOVER_FRAMES


def test_a_gap_in_a_burst_is_counted_and_refilled() -> None:
    playout = Playout(prefill=2)
    for number in range(2):
        playout.push(_loud(number))
    assert playout.pop() is not None
    assert playout.pop() is not None
    assert playout.pop() is None
    assert playout.stats.starved == 1
    playout.push(_loud(3))
    assert playout.pop() is None  # the prefill again, or the next gap follows at once
    playout.push(_loud(4))
    assert playout.pop() is not None


def test_cleared_is_empty() -> None:
    playout = Playout(prefill=1)
    playout.push(_loud(0))
    playout.clear()
    assert playout.pop() is None


@given(st.lists(st.sampled_from(["loud", "silent", "pop"]), max_size=300))
def test_the_ceiling_holds_and_no_frame_is_played_twice(events: list[str]) -> None:
    playout, number, played = Playout(ceiling=5), 0, []
    for event in events:
        if event == "loud":
            playout.push(_loud(number))
            number += 1
        elif event == "silent":
            playout.push(SILENT)
        else:
            frame = playout.pop()
            if frame is not None and frame[0]:
                played.append(int(frame[0]))
        assert len(playout) <= 5
    assert played == sorted(set(played))
