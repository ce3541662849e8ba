"""The numbers of a call as they stand."""

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES
from bot.bridge.voices import Voices
from bot.media.report import decibels, report
from tests.bot.bridge.lines import talk


@pytest.mark.parametrize(("level", "expected"), [(32_768, 0.0), (3276.8, -20.0), (0, -96.0)])
def test_decibels(level: float, expected: float) -> None:
    assert decibels(level) == pytest.approx(expected, abs=0.01)


def test_a_call_that_has_not_begun() -> None:
    empty = report(None, None, {}, Voices(), (0, 0), 0)
    assert empty.speakers == ()
    assert (empty.packets_received, empty.frames_to_room, empty.delay_to_room) == (0, 0, 0.0)


def test_a_person_on_a_bad_line() -> None:
    heard = talk(20, loss=0.1, delay=lambda number, rng: rng.random() * 0.03)
    voices = Voices()
    for _ in range(3):
        voices.push("voice", np.full(FRAME_SAMPLES, 5000, np.int16))
    taken = report(None, None, {7: heard.speaker}, voices, (4, 9), 2)
    (person,) = taken.speakers
    assert person.user_id == 7
    assert 850 < person.packets < 950
    assert 50 < person.lost < 150
    assert person.concealed > 0
    assert 0.005 < person.jitter < 0.02
    assert 0.03 < person.delay < 0.12
    assert -21 < person.level < -14  # what concealment leaves of it differs between versions of libopus
    assert (taken.ticks_skipped, taken.ticks_late, taken.interruptions) == (4, 9, 2)
    assert taken.delay_to_discord == pytest.approx(0.06)
    assert taken.packets_lost == person.lost
