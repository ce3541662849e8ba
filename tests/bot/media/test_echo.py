"""The echo repeats what was said when its speaker pauses, and never hears itself."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES, Frame
from bot.media.echo import DEAF_FRAMES, MAX_FRAMES, PAUSE_FRAMES, Echo

SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


def _loud(number: int) -> Frame:
    return np.full(FRAME_SAMPLES, 1000 + number, np.int16)


def _echo() -> tuple[Echo, list[int]]:
    played: list[int] = []
    return Echo(lambda frame: played.append(int(frame[0]))), played


def _say(echo: Echo, count: int, silences: int = PAUSE_FRAMES) -> None:
    for number in range(count):
        echo.feed(_loud(number))
    for _ in range(silences):
        echo.feed(SILENCE)


def test_what_was_said_comes_back_once_per_tick() -> None:
    echo, played = _echo()
    _say(echo, 30)
    for _ in range(30):
        echo.tick()
    assert played == [1000 + number for number in range(30)]


def test_nothing_is_played_before_the_pause_and_nothing_twice() -> None:
    echo, played = _echo()
    _say(echo, 10, PAUSE_FRAMES - 1)
    echo.tick()
    assert played == []
    echo.feed(SILENCE)
    for _ in range(10 * MAX_FRAMES):
        echo.tick()
    assert played == [*(1000 + number for number in range(10)), *[0] * DEAF_FRAMES]


def test_it_does_not_hear_itself() -> None:
    echo, played = _echo()
    _say(echo, 5)
    for _ in range(5 + DEAF_FRAMES):
        echo.feed(_loud(99))  # somebody's loudspeakers
        echo.tick()
    assert 1099 not in played
    _say(echo, 3)
    played.clear()
    for _ in range(3):
        echo.tick()
    assert played == [1000, 1001, 1002]


@pytest.mark.parametrize("silences", [1, 200])
def test_silence_alone_is_no_echo(silences: int) -> None:
    echo, played = _echo()
    _say(echo, 0, silences)
    echo.tick()
    assert played == []


def test_a_monologue_keeps_its_end() -> None:
    echo, played = _echo()
    _say(echo, MAX_FRAMES + 7)
    echo.tick()
    assert played == [1000 + 7 + PAUSE_FRAMES]


async def test_leaving_ends_it() -> None:
    echo, played = _echo()
    _say(echo, 5)
    await echo.leave()
    echo.tick()
    assert played == []
