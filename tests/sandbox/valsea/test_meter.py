"""What a session costs."""

from decimal import Decimal

import pytest

from sandbox.valsea.meter import NotEnoughCredits, Organisation


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (59.9, 1), (60, 1), (60.1, 2), (600, 10), (601, 11)])
def test_begun_minutes_are_billed(seconds: float, minutes: int) -> None:
    organisation = Organisation("o", Decimal(100))
    organisation.open("room", 1000.0)
    assert organisation.credits == 99  # the first minute at once
    assert organisation.running() == ["room"]
    assert organisation.close("room", 1000.0 + seconds) == minutes
    assert organisation.credits == 100 - minutes
    assert organisation.running() == []


def test_ending_twice_costs_once() -> None:
    organisation = Organisation("o", Decimal(10))
    organisation.open("room", 0.0)
    organisation.close("room", 30.0)
    organisation.close("room", 3000.0)
    assert organisation.credits == 9


def test_no_credits_no_session() -> None:
    organisation = Organisation("o", Decimal("0.5"))
    with pytest.raises(NotEnoughCredits):
        organisation.open("room", 0.0)
    assert organisation.meters == {}
