"""The numbers of a call as they stand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.bridge import FRAME_SAMPLES
from bot.bridge.track_mixer import TrackMixer
from bot.media.counters import ClosedTotals, decibels, make_report
from bot.voice.receive import ReceiveStats
from bot.voice.send import SendStats
from tests.bot.bridge.lines import talk


@pytest.mark.parametrize(("level", "expected"), [(32_768, 0.0), (3276.8, -20.0), (0, -96.0)])
def test_decibels(level: float, expected: float) -> None:
    assert decibels(level) == pytest.approx(expected, abs=0.01)


def test_a_call_that_has_not_begun() -> None:
    empty = make_report(None, None, {}, TrackMixer())
    assert empty.speakers == ()
    assert (empty.packets_received, empty.frames_to_room, empty.delay_to_room) == (0, 0, 0.0)


def test_a_person_on_a_bad_line() -> None:
    heard = talk(20, loss=0.1, delay=lambda number, rng: rng.random() * 0.03)
    voices = TrackMixer()
    for _ in range(3):
        voices.push("voice", np.full(FRAME_SAMPLES, 5000, np.int16))
    voice: Any = SimpleNamespace(
        receiver=SimpleNamespace(stats=ReceiveStats(received=900, lost={7: 100})),
        sender=SimpleNamespace(stats=SendStats()),
        dave=SimpleNamespace(recoveries=0, privacy_code=None),
    )
    taken = make_report(voice, None, {7: heard.speaker}, voices, ticks=(4, 9), interruptions=2)
    (person,) = taken.speakers
    assert person.user_id == 7
    assert 850 < person.packets < 950
    assert person.lost == 100
    assert person.concealed > 0
    assert 0.005 < person.jitter < 0.02
    assert 0.03 < person.delay < 0.12
    assert -21 < person.level < -14  # what concealment leaves of it differs between versions of libopus
    assert (taken.ticks_skipped, taken.ticks_late, taken.interruptions) == (4, 9, 2)
    assert taken.delay_to_discord == pytest.approx(0.06)
    assert taken.packets_lost == person.lost


def test_what_was_counted_of_somebody_stays_when_they_go_and_come_back() -> None:
    """A mute, a rejoin, another voice session: the numbers are the call's."""
    before, again = talk(2).speaker, talk(1).speaker
    past = ClosedTotals(lost={7: 3})
    past.add_speaker(7, before)
    away = make_report(None, None, {}, TrackMixer(), past=past)
    (person,) = away.speakers
    assert (person.packets, person.lost, person.speaking, person.level) == (before.packets, 3, False, -96.0)
    back = make_report(None, None, {7: again}, TrackMixer(), past=past)
    (person,) = back.speakers
    assert (person.packets, person.lost) == (before.packets + again.packets, 3)
    assert person.level > -40
    assert past.people[7].packets == before.packets  # a report changes nothing
