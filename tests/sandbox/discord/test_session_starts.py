"""The limit of logins a day."""

from sandbox.discord.session_starts import DAY, SessionStarts

ANN, BEN = 1, 2


def test_each_bot_has_a_limit_of_its_own() -> None:
    starts = SessionStarts(total=2)
    assert starts.begin(ANN, 0.0)
    assert starts.limit(ANN, 10.0)["remaining"] == 1
    assert starts.limit(BEN, 10.0)["remaining"] == 2


def test_one_more_than_the_limit_is_too_many() -> None:
    starts = SessionStarts(total=2)
    assert [starts.begin(ANN, now) for now in (0.0, 1.0, 2.0)] == [True, True, False]
    assert starts.limit(ANN, 3.0)["remaining"] == 0


def test_a_day_later_there_are_new_ones() -> None:
    starts = SessionStarts(total=1)
    starts.begin(ANN, 0.0)
    limit = starts.limit(ANN, 3600.0)
    assert limit == {"total": 1, "remaining": 0, "reset_after": int((DAY - 3600) * 1000), "max_concurrency": 1}
    assert starts.begin(ANN, DAY)
