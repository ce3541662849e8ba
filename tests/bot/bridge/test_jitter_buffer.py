"""Order, losses, wraps and pauses, without a clock or a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bridge import FRAME_SAMPLES
from bot.bridge.jitter_buffer import MAX_CONCEALED, MAX_HELD, Gap, JitterBuffer

FRAME = 0.02


def _play(buffer: JitterBuffer, start: float, ticks: int) -> list[bytes | Gap]:
    return [buffer.pop(start + number * FRAME) for number in range(ticks)]


def _name(number: int) -> bytes:
    return f"p{number}".encode()


def test_the_first_packet_is_played_at_the_tick_nearest_to_the_depth() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=10.0)
    assert buffer.pop(10.005) is Gap.IDLE
    assert buffer.pop(10.025) is Gap.IDLE
    assert buffer.pop(10.045) == b"p0"


def test_a_tick_just_before_the_depth_is_near_enough() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=10.0)
    assert buffer.pop(10.015) is Gap.IDLE
    assert buffer.pop(10.035) == b"p0"


def test_packets_come_out_in_order() -> None:
    buffer = JitterBuffer(0.06)
    for number in (0, 2, 1, 3):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=0.0)
    assert _play(buffer, 0.06, 4) == [b"p0", b"p1", b"p2", b"p3"]


def test_an_early_packet_that_comes_second_is_still_first() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(FRAME_SAMPLES, b"p1", now=0.0)
    buffer.push(0, b"p0", now=0.01)
    assert _play(buffer, 0.05, 2) == [b"p0", b"p1"]


def test_a_missing_packet_is_lost_and_its_successor_is_offered_for_repair() -> None:
    buffer = JitterBuffer(0.04)
    for number in (0, 2):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=0.0)
    assert _play(buffer, 0.04, 2) == [b"p0", Gap.LOST]
    assert buffer.next_payload() == b"p2"
    assert buffer.pop(0.08) == b"p2"
    assert buffer.stats.lost == 1


def test_a_late_packet_is_dropped() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    buffer.push(2 * FRAME_SAMPLES, b"p2", now=0.0)
    _play(buffer, 0.04, 2)
    buffer.push(FRAME_SAMPLES, b"p1", now=0.09)
    assert buffer.pop(0.1) == b"p2"
    assert buffer.stats.late == 1


def test_a_duplicate_is_played_once() -> None:
    buffer = JitterBuffer(0.04)
    for _ in range(3):
        buffer.push(0, b"p0", now=0.0)
    assert _play(buffer, 0.04, 2) == [b"p0", Gap.LOST]
    assert buffer.stats.duplicate == 2


def test_a_pause_is_concealed_briefly_and_then_idle() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    played = _play(buffer, 0.04, MAX_CONCEALED + 4)
    assert played == [b"p0", *[Gap.LOST] * MAX_CONCEALED, *[Gap.IDLE] * 3]
    assert buffer.idle


def test_a_packet_that_is_late_is_waited_for_when_there_is_nothing_else() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    assert _play(buffer, 0.04, 2) == [b"p0", Gap.LOST]
    buffer.push(FRAME_SAMPLES, b"p1", now=0.075)
    assert buffer.pop(0.08) == b"p1"
    assert (buffer.stats.late, buffer.stats.lost) == (0, 0)


def test_what_was_concealed_meanwhile_stands_for_a_packet_that_never_comes() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    assert _play(buffer, 0.04, 3) == [b"p0", Gap.LOST, Gap.LOST]
    buffer.push(3 * FRAME_SAMPLES, b"p3", now=0.095)
    assert buffer.pop(0.1) == b"p3"
    assert buffer.stats.lost == 2


def test_the_surplus_grows_by_what_was_waited() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    buffer.pop(0.04)
    assert abs(buffer.surplus(0.06)) < 0.011
    _play(buffer, 0.06, 3)
    buffer.push(FRAME_SAMPLES, b"p1", now=0.11)
    assert 0.05 < buffer.surplus(0.12) < 0.07
    assert 0.01 < buffer.surplus(0.12, ahead=-2 * FRAME_SAMPLES) < 0.03


def test_a_jump_back_heals_by_itself() -> None:
    """The same SSRC with timestamps from long ago: late at first, and a new spurt as soon as the old one is over."""
    buffer = JitterBuffer(0.04)
    for number in range(4):
        buffer.push((10_000 + number) * FRAME_SAMPLES, _name(number), now=number * FRAME)
    played: list[bytes | Gap] = _play(buffer, 0.04, 2)
    for number in range(20):
        now = 0.08 + number * FRAME
        buffer.push(number * FRAME_SAMPLES, _name(100 + number), now=now)
        played.append(buffer.pop(now + 0.001))
    assert b"p119" in played or b"p118" in played or b"p117" in played
    assert buffer.delay.depth == 0.04


def test_a_long_packet_is_no_loss() -> None:
    buffer = JitterBuffer(0.06)
    for number in range(3):
        buffer.push(number * 3 * FRAME_SAMPLES, _name(number), now=0.0)
    for number in range(3):
        assert buffer.pop(0.06 + number * 3 * FRAME) == _name(number)
        buffer.consumed(3 * FRAME_SAMPLES)
    assert buffer.stats.lost == 0


def test_a_said_end_is_no_loss() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    assert buffer.pop(0.04) == b"p0"
    buffer.end_spurt()
    assert buffer.pop(0.06) is Gap.IDLE
    assert buffer.stats.lost == 0


def test_a_jump_ahead_starts_anew() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    buffer.pop(0.04)
    for number in range(3):
        buffer.push(48_000 * 3600 + number * FRAME_SAMPLES, _name(number), now=0.05 + number * FRAME)
    played = _play(buffer, 0.1, 6)
    assert b"p1" in played  # the first is not believed until another one says so
    assert b"p2" in played


def test_one_stray_packet_costs_nothing_but_itself() -> None:
    buffer = JitterBuffer(0.06)
    for number in range(6):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=number * FRAME)
        if number == 3:
            buffer.push(48_000 * 3600, b"stray", now=number * FRAME)
    assert _play(buffer, 0.11, 6) == [_name(number) for number in range(6)]
    assert buffer.stats.dropped == 1


@pytest.mark.parametrize("stragglers", [1, 2, 3, 4])
def test_a_few_that_come_behind_a_whole_stall_cost_nothing_but_themselves(stragglers: int) -> None:
    """The line holds everything for two seconds, then lets it go, not quite in order. What is new goes on."""
    buffer = JitterBuffer(0.06, 0.2)
    for number in range(20):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=number * FRAME)
        buffer.pop(number * FRAME)
    for number in range(20, 120):
        buffer.pop(number * FRAME)
    assert buffer.idle
    held = [*range(20 + stragglers, 120), *range(20, 20 + stragglers)]
    for number in held:
        buffer.push(number * FRAME_SAMPLES, _name(number), now=2.4)
    for number in range(120, 130):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=number * FRAME + 0.001)
    kept = [one for one in _play(buffer, 2.6, MAX_HELD + 12) if isinstance(one, bytes)]
    assert kept == [_name(number) for number in range(130 - MAX_HELD, 130)]
    assert buffer.stats.late == stragglers


def test_after_a_pause_in_which_the_senders_clock_stood_still_nothing_is_missing() -> None:
    """Some clients freeze their timestamps between two spurts."""
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    _play(buffer, 0.04, MAX_CONCEALED + 3)
    for number in range(1, 4):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=60 + number * FRAME)
    assert _play(buffer, 60.07, 3) == [b"p1", b"p2", b"p3"]


def test_packets_of_ten_milliseconds_of_which_some_are_lost() -> None:
    """Half a frame each: none may get stuck behind the playout point and come out of place later."""
    buffer = JitterBuffer(0.04)
    half = FRAME_SAMPLES // 2
    arrived = [number for number in range(400) if number % 33]
    played: list[int] = []
    sent = 0
    for tick in range(230):
        now = tick * FRAME
        while sent < len(arrived) and arrived[sent] * 0.01 <= now:
            buffer.push(arrived[sent] * half, _name(arrived[sent]), now)
            sent += 1
        ready = 0
        while ready < FRAME_SAMPLES:
            item = buffer.pop(now)
            if item is Gap.IDLE:
                break
            if isinstance(item, bytes):
                buffer.consumed(half)
                played.append(int(item[1:]))
                ready += half
            else:
                ready += FRAME_SAMPLES
    assert played == sorted(played)
    assert len(played) > 0.97 * len(arrived)
    assert len(buffer) == 0


def test_a_packet_beside_the_grid_is_late_and_not_kept_for_later() -> None:
    buffer = JitterBuffer(0.04)
    for number in range(3):
        buffer.push(number * FRAME_SAMPLES, _name(number), now=0.0)
    buffer.push(100, b"stray", now=0.0)
    played = _play(buffer, 0.04, 12)
    assert [item for item in played if isinstance(item, bytes)] in (
        [b"p0", b"p1", b"p2"],
        [b"p0", b"stray", b"p1", b"p2"],
    )
    assert buffer.idle


def test_the_timestamp_wraps() -> None:
    buffer = JitterBuffer(0.04)
    start = 0xFFFF_FFFF - FRAME_SAMPLES + 1
    for number in range(4):
        buffer.push((start + number * FRAME_SAMPLES) & 0xFFFF_FFFF, _name(number), now=0.0)
    assert _play(buffer, 0.04, 4) == [b"p0", b"p1", b"p2", b"p3"]


def test_it_never_holds_more_than_its_limit() -> None:
    buffer = JitterBuffer(0.04)
    for number in range(MAX_HELD * 2):
        buffer.push((number % 40) * FRAME_SAMPLES + number // 40, _name(number), now=0.0)
    assert len(buffer) <= MAX_HELD


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), max_size=6))
def test_any_arrival_order_plays_in_order_without_inventing(order: list[int], lost: set[int]) -> None:
    """Whatever is lost and however it is shuffled: what is played is a sorted part of what was sent, each once."""
    buffer = JitterBuffer(0.3)
    arrived = [number for number in order if number not in lost]
    for number in arrived:
        buffer.push(number * FRAME_SAMPLES, _name(number), now=0.0)
    played = [item for item in _play(buffer, 0.3, 40) if isinstance(item, bytes)]
    assert played == [_name(number) for number in sorted(arrived)]


@given(st.lists(st.tuples(st.integers(0, 0xFFFF_FFFF), st.booleans()), max_size=80))
def test_no_order_of_events_breaks_it(events: list[tuple[int, bool]]) -> None:
    buffer, now = JitterBuffer(), 0.0
    pushed = played = 0
    for timestamp, pop in events:
        now += FRAME
        if pop:
            played += isinstance(buffer.pop(now), bytes)
        else:
            buffer.push(timestamp, b"x", now)
            pushed += 1
    assert played <= pushed
    assert len(buffer) <= MAX_HELD


def test_a_packet_beside_the_grid_that_was_waited_for_is_played() -> None:
    buffer = JitterBuffer(0.04)
    buffer.push(0, b"p0", now=0.0)
    assert _play(buffer, 0.04, 3) == [b"p0", Gap.LOST, Gap.LOST]
    buffer.push(2 * FRAME_SAMPLES + FRAME_SAMPLES // 2, b"between", now=0.095)
    assert buffer.pop(0.1) == b"between"
    assert buffer.stats.late == 0
