"""Budgets from the ledger: refused before anything is billed, counted in the server's own days."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.billing.end_reason import EndReason
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.limits import Allowance, Limits, Starter, budgets, rule_of
from bot.config.model import LimitSettings, Rule
from bot.errors import LedgerError, Refused
from tests.bot.conftest import SteadyClock

from .records import record

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANN = Starter(1, 4, (70, 71))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    ledger = await SqliteLedger.open(tmp_path / "l.sqlite3")
    yield ledger
    await ledger.close()


async def _past(ledger: SqliteLedger, identifier: str, at: datetime, minutes: int, **changes: Any) -> None:
    """A call that began at some time and was billed for so long."""
    await ledger.record_intent(record(identifier, intended_at=at.timestamp(), **changes))
    await ledger.record_opened(identifier, f"room-{identifier}", None, at.timestamp())
    await ledger.record_closed(identifier, at.timestamp() + 60 * minutes, minutes, Decimal(minutes))


def _settings(**values: Any) -> LimitSettings:
    server = {"minutes_per_call": None, **values.pop("server", {})}  # but for what a test says there is no limit
    return LimitSettings.model_validate({"server": server, **values})


async def _allowance(ledger: SqliteLedger, now: datetime = NOON, **values: Any) -> Allowance | None:
    return await Limits(ledger).allowance(_settings(**values), ANN, now)


async def test_without_limits_a_call_may_last(ledger: SqliteLedger) -> None:
    assert await _allowance(ledger) is None


async def test_the_least_that_is_left_counts(ledger: SqliteLedger) -> None:
    await _past(ledger, "a", NOON.replace(hour=8), 25)
    await _past(ledger, "b", NOON.replace(day=2), 60)
    limits = {"minutes_per_call": 30, "minutes_per_day": 60, "minutes_per_month": 100}
    assert await _allowance(ledger, server=limits) == Allowance(
        15 * 60.0, "this server's time for this month", EndReason.LIMIT, 85 * 60.0
    )
    assert await _allowance(ledger, server={**limits, "minutes_per_month": 1000}) == Allowance(
        30 * 60.0, "this server's time per call", EndReason.LIMIT
    )


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"minutes_per_day": 25}, "25 minutes for today are used up. They are renewed at midnight"),
        ({"minutes_per_month": 20}, "20 minutes for this month are used up"),
        ({"minutes_per_day": 0}, "0 minutes for today"),
    ],
)
async def test_no_budget_no_call(ledger: SqliteLedger, rule: dict[str, Any], words: str) -> None:
    await _past(ledger, "a", NOON.replace(hour=8), 25)
    for scope in ("server", "user"):
        with pytest.raises(Refused, match=words):
            await _allowance(ledger, NOON, **{scope: rule})


async def test_a_users_budget_is_their_own(ledger: SqliteLedger) -> None:
    await _past(ledger, "a", NOON.replace(hour=8), 25, starter_id=5)
    assert await _allowance(ledger, user={"minutes_per_day": 25}) == Allowance(
        25 * 60.0, "your time for today", EndReason.LIMIT
    )


async def test_another_server_spends_nothing_of_ours(ledger: SqliteLedger) -> None:
    await _past(ledger, "a", NOON.replace(hour=8), 25, guild_id=2)
    found = await _allowance(ledger, server={"minutes_per_day": 25})
    assert found is not None
    assert found.seconds == 25 * 60


async def test_a_running_call_counts_as_far_as_it_has_come(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record("a", intended_at=NOON.timestamp() - 601))
    await ledger.record_opened("a", "room", None, NOON.timestamp() - 601)
    found = await _allowance(ledger, server={"minutes_per_day": 30})
    assert found is not None
    assert found.seconds == (30 - 11) * 60


async def test_days_begin_in_the_servers_time_zone(ledger: SqliteLedger) -> None:
    """17:30 UTC is the next day in Vietnam already."""
    await _past(ledger, "a", datetime(2026, 11, 22, 16, 30, tzinfo=UTC), 25)
    now = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
    rule = {"minutes_per_day": 25}
    with pytest.raises(Refused):
        await _allowance(ledger, now, server=rule)
    assert await _allowance(ledger, now, server=rule, time_zone="Asia/Ho_Chi_Minh") is not None


async def test_cooldowns(ledger: SqliteLedger) -> None:
    await _past(ledger, "a", NOON.replace(hour=11, minute=59), 1, starter_id=5)
    with pytest.raises(Refused, match="in 60 seconds"):
        await _allowance(ledger, server={"cooldown": 60})
    assert await _allowance(ledger, user={"cooldown": 60}) is None
    assert await _allowance(ledger, NOON.replace(minute=2), server={"cooldown": 60}) is None


async def test_calls_at_once(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record("a", guild_id=9))
    await ledger.record_opened("a", "room", None, NOON.timestamp())
    with pytest.raises(Refused, match="You have 1 call running, and may have 1"):
        await _allowance(ledger, user={"concurrent_calls": 1})
    assert await _allowance(ledger, user={"concurrent_calls": 2}) is None
    with pytest.raises(Refused, match="limit of calls at the same time"):
        await Limits(ledger, max_calls=1).allowance(_settings(), ANN, NOON)


async def test_quiet_hours(ledger: SqliteLedger) -> None:
    night = {"quiet_hours": ["22:00-07:00"], "time_zone": "Europe/Berlin"}
    for hour in (21, 23, 2, 5):  # UTC; Berlin is an hour ahead
        with pytest.raises(Refused, match="quiet hours last until 07:00"):
            await _allowance(ledger, NOON.replace(hour=hour), **night)
    found = await _allowance(ledger, NOON.replace(hour=20, minute=30), **night)
    assert found == Allowance(30 * 60.0, "the time until the quiet hours", EndReason.QUIET_HOURS)


async def test_the_way_to_the_quiet_hours_knows_summer_time(ledger: SqliteLedger) -> None:
    """In Berlin the night of 2026-10-25 has an hour more."""
    before = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # midnight there
    found = await _allowance(ledger, before, quiet_hours=["06:00-07:00"], time_zone="Europe/Berlin")
    assert found is not None
    assert found.seconds == 7 * 3600


async def test_a_ledger_that_cannot_be_read_allows_nothing(ledger: SqliteLedger) -> None:
    await ledger.close()
    with pytest.raises(LedgerError):
        await _allowance(ledger)


def test_whose_limits_hold() -> None:
    settings = _settings(
        user={"minutes_per_call": 10, "minutes_per_day": 20, "cooldown": 60},
        roles={70: {"minutes_per_call": 30, "cooldown": 30}, 71: {"minutes_per_call": 45, "cooldown": 45}},
        users={4: {"minutes_per_day": 500}},
    )
    assert rule_of(settings, ANN) == Rule(minutes_per_call=45, minutes_per_day=500, cooldown=30)
    assert rule_of(settings, Starter(1, 5)) == Rule(minutes_per_call=10, minutes_per_day=20, cooldown=60)


def test_an_overdrawn_budget_is_shown_as_it_is() -> None:
    settings = _settings(server={"minutes_per_day": 10})
    spent = record("a", opened_at=NOON.timestamp(), billed_minutes=12)
    assert [(b.limit, b.left) for b in budgets(settings, ANN, [spent], NOON)] == [(10, -2)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Olympus"},
        {"quiet_hours": ["25:00-07:00"]},
        {"quiet_hours": ["late"]},
        {"server": {"minutes_per_call": 0}},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|greater"):
        LimitSettings.model_validate(wrong)


async def test_calls_that_are_being_started_count_before_the_ledger_knows_them(ledger: SqliteLedger) -> None:
    """Twenty servers at the same moment, one place: whoever asked first has it."""
    limits = Limits(ledger, max_calls=2)
    first, second = Starter(2, 5), Starter(3, 6)
    assert await limits.allowance(_settings(), ANN, NOON, {"first": first}) is None
    with pytest.raises(Refused, match="limit of calls"):
        await limits.allowance(_settings(), ANN, NOON, {"first": first, "second": second})


async def test_a_call_that_is_in_the_ledger_by_now_counts_once(ledger: SqliteLedger) -> None:
    await ledger.record_intent(record("first", guild_id=2, starter_id=5, intended_at=NOON.timestamp()))
    assert await Limits(ledger, max_calls=2).allowance(_settings(), ANN, NOON, {"first": Starter(2, 5)}) is None


async def test_a_cooldown_reaches_into_the_next_month_and_the_minutes_do_not(ledger: SqliteLedger) -> None:
    midnight = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    await _past(ledger, "a", midnight.replace(month=11, day=30, hour=23, minute=50), 9)
    limits = {"cooldown": 600, "minutes_per_month": 5}
    with pytest.raises(Refused, match="a moment ago"):
        await _allowance(ledger, midnight.replace(minute=1), server=limits)
    found = await _allowance(ledger, midnight.replace(minute=20), server=limits)
    assert found == Allowance(5 * 60.0, "this server's time for this month", EndReason.LIMIT)


async def test_a_clock_that_was_set_back_makes_no_used_up_day_whole(ledger: SqliteLedger) -> None:
    await _past(ledger, "a", NOON, 25)
    with pytest.raises(Refused, match="used up"):
        await _allowance(ledger, NOON - timedelta(minutes=15), server={"minutes_per_day": 25})


async def test_an_end_in_the_future_makes_no_cooldown_longer_than_it_is(
    ledger: SqliteLedger, steady: SteadyClock
) -> None:
    """The clock was a day ahead when a call ended."""
    await _past(ledger, "a", NOON + timedelta(days=1), 1)
    limits, settings = Limits(ledger), _settings(server={"cooldown": 300})
    with pytest.raises(Refused, match="in 300 seconds"):
        await limits.allowance(settings, ANN, NOON)
    steady.at += 200
    with pytest.raises(Refused, match="in 100 seconds"):
        await limits.allowance(settings, ANN, NOON + timedelta(seconds=200))
    steady.at += 101
    assert await limits.allowance(settings, ANN, NOON + timedelta(seconds=301)) is None


HAVANA = ZoneInfo("America/Havana")
#: Half past midnight comes twice on this day, since summer time ends at one.
TWICE = datetime(2026, 11, 1, 0, 30, tzinfo=HAVANA, fold=1)


async def test_the_hour_that_comes_twice_belongs_to_one_day(ledger: SqliteLedger) -> None:
    first = TWICE.replace(fold=0)
    assert TWICE.timestamp() - first.timestamp() == 3600
    await _past(ledger, "a", first.astimezone(UTC), 25)
    for now in (first + timedelta(minutes=25), TWICE):
        for limit in ("minutes_per_day", "minutes_per_month"):
            with pytest.raises(Refused, match="used up"):
                await _allowance(ledger, now.astimezone(UTC), time_zone="America/Havana", server={limit: 25})


async def test_quiet_hours_in_the_hour_that_comes_twice_are_waited_for_forwards(ledger: SqliteLedger) -> None:
    settings = {"time_zone": "America/Havana", "quiet_hours": ["00:45-00:50"]}
    allowance = await _allowance(ledger, TWICE.astimezone(UTC), **settings)
    assert allowance is not None
    assert allowance.seconds == 15 * 60
    between = TWICE.replace(minute=55, fold=0)  # behind the first of them, and before the second
    allowance = await _allowance(ledger, between.astimezone(UTC), **settings)
    assert allowance is not None
    assert allowance.seconds == 50 * 60
