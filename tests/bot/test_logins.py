"""A session that is refused again and again costs a handful of a day's logins, and a restart of shards no time."""

from bot.logins import MAX_PAUSE, MIN_PAUSE, LoginPace


def _in_an_hour(shards: int) -> int:
    pace, now, logins = LoginPace(), 0.0, 0
    while now < 3600:
        now += pace.pause(now, shards, initial=logins == 0) + 0.5
        logins += 1
    return logins


def test_refusals_without_an_end_cost_a_few_logins() -> None:
    assert _in_an_hour(1) <= 16


def test_many_shards_log_in_at_the_usual_pace() -> None:
    pace = LoginPace()
    pauses = [pace.pause(5.0 * number, 100, initial=number == 0) for number in range(100)]
    assert pauses == [0.0] + [MIN_PAUSE] * 99


def test_a_quiet_hour_forgives() -> None:
    pace = LoginPace()
    for number in range(20):
        last = pace.pause(float(number), 1, initial=False)
    assert last == MAX_PAUSE
    assert pace.pause(5000.0, 1, initial=False) == MIN_PAUSE
