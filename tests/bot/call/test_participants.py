"""When somebody was heard last."""

from bot.call.participants import Participants
from bot.media.consent import Consent

ANN, BOB = 1, 2


def test_nobody_was_heard_at_first() -> None:
    assert Participants(Consent()).since_heard(100.0) is None


def test_while_somebody_speaks_they_are_heard_now() -> None:
    participants = Participants(Consent())
    participants.on_speaking(ANN, True, 10.0)
    assert participants.since_heard(15.0) == 0.0


def test_afterwards_it_is_the_time_since_the_last_of_them_stopped() -> None:
    participants = Participants(Consent())
    participants.on_speaking(ANN, True, 10.0)
    participants.on_speaking(BOB, True, 11.0)
    participants.on_speaking(ANN, False, 12.0)
    assert participants.since_heard(13.0) == 0.0
    participants.on_speaking(BOB, False, 14.0)
    assert participants.since_heard(20.0) == 6.0


def test_who_stops_without_having_begun_was_heard_all_the_same() -> None:
    participants = Participants(Consent())
    participants.on_speaking(ANN, False, 10.0)
    assert participants.since_heard(11.0) == 1.0
