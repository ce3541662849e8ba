"""Who is not to be heard."""

from bot.media.consent import Unwilling

ANN, BOB = 1, 2


def test_everybody_is_heard_but_those_who_said_no() -> None:
    unwilling = Unwilling()
    unwilling.hear(ANN, False)
    assert (ANN in unwilling, BOB in unwilling) == (True, False)
    assert unwilling.refused == [ANN]
    unwilling.hear(ANN, True)
    assert ANN not in unwilling


def test_where_people_are_asked_first_silence_is_no_consent() -> None:
    unwilling = Unwilling(ask_first=True)
    assert ANN in unwilling
    unwilling.hear(ANN, True)
    assert (ANN in unwilling, BOB in unwilling) == (False, True)
    assert unwilling.refused == []  # Bob has not said anything
    unwilling.hear(ANN, False)
    assert ANN in unwilling
    assert unwilling.refused == [ANN]
