"""Who is not to be heard."""

from bot.media.consent import Consent

ANN, BOB = 1, 2


def test_everybody_is_heard_but_those_who_said_no() -> None:
    consent = Consent()
    consent.set(ANN, False)
    assert (consent.allows(ANN), consent.allows(BOB)) == (False, True)
    assert consent.refused == [ANN]
    consent.set(ANN, True)
    assert consent.allows(ANN)


def test_where_people_are_asked_first_silence_is_no_consent() -> None:
    consent = Consent(ask_first=True)
    assert not consent.allows(ANN)
    consent.set(ANN, True)
    assert (consent.allows(ANN), consent.allows(BOB)) == (True, False)
    assert consent.refused == []  # Bob has not said anything
    consent.set(ANN, False)
    assert not consent.allows(ANN)
    assert consent.refused == [ANN]


def test_other_bots_are_heard_only_where_that_is_set() -> None:
    for hear_bots in (False, True):
        consent = Consent(hear_bots=hear_bots)
        consent.set_bots({BOB})
        assert (consent.allows(ANN), consent.allows(BOB)) == (True, hear_bots)
