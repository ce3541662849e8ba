"""The voicebot's frames on their way out: prefill, ceiling, ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.fade import RETURN
from bot.bridge.playout import HANGOVER_FRAMES, HURRY_TICKS, MAX_CONCEALED, MAX_PREFILL_TICKS, Playout

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
    assert (first[-1], second[-1]) == (1000, 1001)


def test_beyond_the_ceiling_the_oldest_go() -> None:
    playout = Playout(prefill=1, ceiling=3)
    for number in range(10):
        playout.push(_loud(number))
    assert len(playout) == 3
    assert playout.stats.dropped == 7
    frame = playout.pop()
    assert frame is not None
    assert frame[-1] == 1007


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


#: Hertz that do not fit into a frame: a tone whose periods do would hide every cut.
PITCH = 137.0


def _tone(number: int, pitch: float = PITCH) -> Frame:
    time = (np.arange(FRAME_SAMPLES) + number * FRAME_SAMPLES) / 48_000
    return np.asarray(np.sin(2 * np.pi * pitch * time) * 8000, np.float64).astype(np.int16)


def _click(sound: Frame) -> int:
    """The sharpest corner in a wave: a cut in the middle of the tone makes thousands, the tone itself 4."""
    return int(np.abs(np.diff(sound.astype(np.int32), 2)).max())


def _pop(playout: Playout) -> Frame:
    frame = playout.pop()
    assert frame is not None
    assert len(frame) == FRAME_SAMPLES
    return frame


def test_a_short_gap_in_a_word_is_concealed() -> None:
    playout = Playout(prefill=2)
    frames = []
    for number in range(4):
        playout.push(_tone(number))
    frames += [_pop(playout) for _ in range(4)]
    frames += [_pop(playout) for _ in range(2)]  # nothing is there
    assert playout.stats.starved == 2
    playout.push(_tone(6))
    frames.append(_pop(playout))  # at once, without a new prefill
    assert np.abs(frames[4]).max() > 4000
    assert np.abs(frames[5]).max() < np.abs(frames[4]).max()
    assert _click(np.concatenate(frames)[240:]) < 300


def test_a_long_gap_fades_and_ends_the_burst() -> None:
    playout = Playout(prefill=2)
    for number in range(3):
        playout.push(_tone(number))
    for _ in range(3):
        _pop(playout)
    tail = [_pop(playout) for _ in range(MAX_CONCEALED)]
    assert playout.pop() is None
    levels = [int(np.abs(frame).max()) for frame in tail]
    assert levels == sorted(levels, reverse=True)
    playout.push(_tone(9))
    assert playout.pop() is None  # the prefill again, or the next gap follows at once
    playout.push(_tone(10))
    assert _pop(playout)[0] == 0  # and no click


def test_an_announced_silence_is_no_gap() -> None:
    playout = Playout(prefill=1, ceiling=100)
    playout.push(_tone(0))
    for _ in range(HANGOVER_FRAMES + 1):
        playout.push(SILENT)
    played = 0
    while playout.pop() is not None:
        played += 1
    assert played > HANGOVER_FRAMES // 2  # silence is shortened more readily than words
    assert playout.stats.starved == 0


def test_too_much_for_too_long_is_shortened_until_it_is_not() -> None:
    """A bunch that came at once is delay for the rest of the sentence otherwise."""
    playout = Playout(prefill=2, ceiling=10)
    number = 8
    for early in range(number):
        playout.push(_tone(early))
    sound = []
    for _ in range(1500):
        sound.append(_pop(playout))
        playout.push(_tone(number))
        number += 1
    assert len(playout) <= 4
    assert playout.stats.shortened > 5
    assert (playout.stats.dropped, playout.stats.starved) == (0, 0)
    assert _click(np.concatenate(sound)[240:]) < 20


def test_a_room_clock_that_is_fast_never_adds_up() -> None:
    """300 ppm: one frame too many in every minute."""
    playout = Playout(prefill=2, ceiling=10)
    number, most = 0, 0
    for tick in range(40_000):
        while number * (1 - 300e-6) <= tick:
            playout.push(_tone(number))
            number += 1
        playout.pop()
        most = max(most, len(playout))
    assert most <= 4
    assert playout.stats.dropped == 0


@pytest.mark.parametrize("ppm", [300, 3000])
def test_a_room_clock_that_is_slow_is_said_slower(ppm: int) -> None:
    """A frame too few in every minute at 300 ppm: put in a pitch period at a time, and not made up."""
    playout, number, longest, ends = Playout(), 0, 0, []
    for tick in range(30_000):
        while number * (1 + ppm * 1e-6) <= tick:
            playout.push(_tone(number))
            number += 1
        frame = playout.pop()
        longest = max(longest, len(playout))
        ends.append(frame[-1000:] if frame is not None else SILENT)
    assert playout.stats.starved <= 1
    assert playout.stats.lengthened > 30_000 * ppm * 1e-6
    assert longest <= 3
    assert _click(np.concatenate(ends)[20 * FRAME_SAMPLES :]) < 30


def test_frames_that_come_by_twos_are_not_said_slower() -> None:
    playout = Playout()
    for number in range(0, 2000, 2):
        playout.push(_tone(number))
        playout.push(_tone(number + 1))
        _pop(playout)
        _pop(playout)
    assert (playout.stats.starved, playout.stats.lengthened, playout.stats.shortened) == (0, 0, 0)


def test_the_late_end_of_a_word_does_not_wait_for_the_next_one() -> None:
    playout = Playout(prefill=2)
    for number in range(3):
        playout.push(_tone(number))
    while playout.pop() is not None:
        pass
    playout.push(_tone(6))
    heard = [playout.pop() for _ in range(MAX_PREFILL_TICKS + 1)]
    assert heard[:MAX_PREFILL_TICKS] == [None] * MAX_PREFILL_TICKS  # what follows may be on its way
    late = heard[MAX_PREFILL_TICKS]
    assert late is not None
    assert np.array_equal(late[RETURN:], _tone(6)[RETURN:])
    while playout.pop() is not None:
        pass
    playout.push(_tone(50))
    playout.push(_tone(51))
    assert np.array_equal(_pop(playout)[RETURN:], _tone(50)[RETURN:])


def test_cleared_it_fades_out_within_a_frame() -> None:
    playout = Playout(prefill=2)
    for number in range(8):
        playout.push(_tone(number))
    sound = [_pop(playout), _pop(playout)]
    playout.clear()
    sound.append(_pop(playout))
    assert playout.pop() is None
    assert sound[-1][-1] == 0
    assert _click(np.concatenate(sound)[240:]) < 20


def test_cleared_before_it_began_is_empty() -> None:
    playout = Playout(prefill=2)
    playout.push(_loud(0))
    playout.clear()
    assert playout.pop() is None


def _noise(number: int) -> Frame:
    """Told from every other by its samples, and without a period that could be taken out or put in."""
    return np.random.default_rng(number).normal(0, 4000, FRAME_SAMPLES).astype(np.int16)


def test_silence_is_shortened_without_a_sample_of_what_follows() -> None:
    playout = Playout(ceiling=5)
    for frame in (_noise(0), SILENT, SILENT, SILENT, SILENT):
        playout.push(frame)
    popped = []
    for number in range(1, 30):
        playout.push(_noise(number))
        popped.append(playout.pop())
    sound = np.concatenate([frame for frame in popped if frame is not None])
    assert playout.stats.shortened
    at = int(np.flatnonzero(sound == _noise(1)[RETURN])[0]) - RETURN
    whole = np.concatenate([_noise(number) for number in range(1, 20)])
    assert np.array_equal(sound[at + RETURN : at + len(whole)], whole[RETURN:])


@given(st.lists(st.sampled_from(["loud", "loud", "silent", "pop", "pop", "clear"]), max_size=300))
def test_the_ceiling_holds_the_order_is_kept_and_no_frame_is_played_twice(events: list[str]) -> None:
    playout, pushed, last, popped, cut = Playout(ceiling=5), 0, -1, 0, False
    for event in events:
        if event == "loud":
            playout.push(_noise(pushed))
            pushed += 1
        elif event == "silent":
            playout.push(SILENT)
        elif event == "clear":
            cut = playout.playing
            playout.clear()
        else:
            starved = playout.stats.starved
            frame = playout.pop()
            popped += frame is not None
            if playout.stats.shortened + playout.stats.lengthened:  # of silence, which any place of fits another
                break
            if frame is not None and frame[RETURN:].any() and playout.stats.starved == starved and not cut:
                played = [n for n in range(last + 1, pushed) if np.array_equal(frame[RETURN:], _noise(n)[RETURN:])]
                assert len(played) == 1  # a frame that came, whole, and behind the last one
                last = played[0]
            cut = cut and frame is None
        assert len(playout) <= 5
    assert playout.stats.played + playout.stats.starved == popped


@pytest.mark.parametrize("pitch", [100.0, 137.0, 171.0, 333.0])
def test_sound_that_comes_too_late_joins_without_a_click(pitch: float) -> None:
    playout = Playout(prefill=2)
    for number in range(4):
        playout.push(_tone(number, pitch))
    sound = [_pop(playout) for _ in range(5)]
    assert playout.stats.starved == 1
    playout.push(_tone(4, pitch))  # which was concealed already
    playout.push(_tone(5, pitch))
    sound += [_pop(playout), _pop(playout)]
    assert _click(np.concatenate(sound)[240:]) < 150


@pytest.mark.parametrize("pitch", [100.0, 137.0, 171.0, 333.0])
def test_what_is_dropped_at_the_ceiling_leaves_no_click(pitch: float) -> None:
    playout = Playout(prefill=2, ceiling=4)
    for number in range(4):
        playout.push(_tone(number, pitch))
    sound = [_pop(playout)]
    for number in range(4, 9):
        playout.push(_tone(number, pitch))
    assert playout.stats.dropped == 4
    sound += [_pop(playout) for _ in range(3)]
    assert _click(np.concatenate(sound)[240:]) < 150


def test_hurried_it_plays_what_comes_as_it_comes_and_then_fades_out() -> None:
    playout = Playout(prefill=2)
    for number in range(9):
        playout.push(_tone(number))
    sound = [_pop(playout)]
    playout.hurry()
    for number in range(9, 12):
        sound.append(_pop(playout))
        assert len(playout) == 0
        playout.push(_tone(number))
    sound += [_pop(playout), _pop(playout)]
    assert playout.pop() is None
    assert sound[-1][-1] == 0
    assert _click(np.concatenate(sound)[240:]) < 300
    assert playout.stats.dropped == 0  # nothing that anybody would miss


def test_the_next_burst_is_held_as_ever() -> None:
    playout = Playout(prefill=2)
    for number in range(3):
        playout.push(_tone(number))
    _pop(playout)
    playout.hurry()
    while playout.pop() is not None:
        pass
    playout.push(_tone(50))
    assert playout.pop() is None
    playout.push(_tone(51))
    playout.push(_tone(52))
    _pop(playout)
    assert np.array_equal(_pop(playout), _tone(51))


def test_nothing_is_hurried_that_has_not_begun() -> None:
    playout = Playout(prefill=2)
    playout.push(_tone(0))
    playout.hurry()
    playout.push(_tone(1))
    _pop(playout)
    assert np.array_equal(_pop(playout), _tone(1))


def test_a_voicebot_that_sends_too_fast_is_said_faster() -> None:
    """A tenth: shortened away but for a few frames, and never more delay than the ceiling."""
    playout, number = Playout(), 0
    for tick in range(3000):
        while number / 1.1 <= tick:
            playout.push(_tone(number))
            number += 1
        playout.pop()
        assert len(playout) <= 10
    assert playout.stats.dropped < number // 50
    assert playout.stats.shortened > 500


def test_cleared_in_the_middle_of_a_gap_it_fades_out_as_well() -> None:
    playout = Playout(prefill=2)
    for number in range(3):
        playout.push(_tone(number))
    sound = [_pop(playout) for _ in range(4)]
    playout.clear()
    sound.append(_pop(playout))
    assert playout.pop() is None
    assert sound[-1][-1] == 0
    assert _click(np.concatenate(sound)[240:]) < 300


def test_a_track_that_never_falls_silent_is_hurried_for_a_second_only() -> None:
    """Music under speech: when the speech stops, frames that come by twos must go on being held."""
    playout = Playout()
    playout.push(_tone(0))
    for number in range(1, 20):
        playout.push(_tone(number))
        playout.pop()
    playout.hurry()
    for number in range(HURRY_TICKS):
        playout.push(_tone(number))
        playout.pop()
    before = playout.stats.starved, playout.stats.played
    for number in range(0, 100, 2):
        playout.push(_tone(number))
        playout.push(_tone(number + 1))
        playout.pop()
        playout.pop()
    assert playout.stats.starved == before[0]
    assert playout.stats.played == before[1] + 100


def test_what_was_said_before_the_end_is_heard_to_its_end() -> None:
    playout = Playout()
    for number in range(6):
        playout.push(_tone(number))
    heard = [playout.pop() for _ in range(3)]
    playout.end()
    while (frame := playout.pop()) is not None:
        heard.append(frame)
    assert len(heard) == 6
    assert all(frame is not None for frame in heard)
    last = heard[-1]
    assert last is not None
    assert np.abs(last[:200]).max() > 1000
    assert abs(int(last[-1])) < 50
    assert len(playout) == 0
    assert not playout.playing


def test_an_end_in_the_middle_of_a_gap_fades_out() -> None:
    playout = Playout()
    for number in range(3):
        playout.push(_tone(number))
    for _ in range(3):
        assert playout.pop() is not None
    playout.end()
    last = playout.pop()
    assert last is not None
    assert abs(int(last[-1])) < 50
    assert playout.pop() is None


def test_an_end_before_anything_was_said_is_nothing() -> None:
    playout = Playout()
    playout.end()
    assert playout.pop() is None
