"""Several tracks of the voicebot in one frame."""

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.track_mixer import TrackMixer


def _frame(value: int) -> Frame:
    return np.full(FRAME_SAMPLES, value, np.int16)


def _last(voices: TrackMixer) -> int | None:
    frame = voices.pop()
    return None if frame is None else int(frame[-1])


def test_one_track_is_passed_on() -> None:
    voices = TrackMixer()
    for value in (100, 200, 300):
        voices.push("a", _frame(value))
    assert [_last(voices) for _ in range(3)] == [100, 200, 300]


def test_two_tracks_are_mixed_and_not_interleaved() -> None:
    voices = TrackMixer()
    for value in (100, 200, 300):
        voices.push("voice", _frame(value))
        voices.push("music", _frame(-40))
    assert [_last(voices) for _ in range(3)] == [60, 160, 260]
    assert voices.dropped == 0


def test_nothing_is_nothing() -> None:
    voices = TrackMixer()
    assert voices.pop() is None
    assert not voices.playing
    assert voices.delay == 0.0


def test_a_track_that_goes_is_heard_to_its_end_and_leaves_its_numbers() -> None:
    voices = TrackMixer()
    for _ in range(30):
        voices.push("music", _frame(500))
        voices.push("voice", _frame(100) if _ > 20 else _frame(0))
    dropped = voices.dropped
    assert dropped > 0
    assert voices.playing is False
    voices.forget("music")
    voices.forget("never seen")
    assert voices.dropped == dropped
    assert _last(voices) == 600
    for _ in range(20):
        voices.push("voice", _frame(100))
        last = _last(voices)
    assert last == 100
    assert voices._leaving == []


def test_cleared_all_fall_silent() -> None:
    voices = TrackMixer()
    for _ in range(4):
        voices.push("a", _frame(1000))
        voices.push("b", _frame(1000))
    voices.pop()
    voices.clear()
    assert _last(voices) == 0  # one frame that fades out
    assert voices.pop() is None
