"""What calls have cost, by whom and when."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.usage import Period, Total, as_csv, span, totals

from .records import record

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
AT = NOW.timestamp()
RECORDS = [
    record("a", starter_id=4, opened_at=AT - 9000, billed_minutes=5, credits=Decimal("2.5")),
    record("b", starter_id=5, opened_at=AT - 8000, billed_minutes=30),
    record("c", starter_id=4, opened_at=AT - 90, state=SessionState.OPEN),
]


def test_totals_the_dearest_first_and_open_calls_up_to_now() -> None:
    assert totals(RECORDS, lambda r: str(r.starter_id), NOW) == [
        Total("5", 1, 30, Decimal(0)),
        Total("4", 2, 7, Decimal("2.5")),
    ]


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        (Period.TODAY, datetime(2026, 3, 1), None),
        (Period.THIS_MONTH, datetime(2026, 3, 1), None),
        (Period.LAST_MONTH, datetime(2026, 2, 1), datetime(2026, 3, 1)),
        (Period.EVER, None, None),
    ],
)
def test_periods_in_the_servers_time_zone(period: Period, start: datetime | None, end: datetime | None) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    local = NOW.astimezone(zone)
    expected_start = 0.0 if start is None else start.replace(tzinfo=zone).timestamp()
    expected_end = AT + 1 if end is None else end.replace(tzinfo=zone).timestamp()
    assert span(period, local) == (expected_start, expected_end)


def test_the_file_for_spreadsheets() -> None:
    closed = record(
        "a",
        state=SessionState.CLOSED,
        opened_at=AT - 61,
        closed_at=AT,
        billed_minutes=2,
        credits=Decimal("1.50"),
        reason=EndReason.LEFT,
        voicebot_name='=HYPERLINK("http://evil")',
    )
    (row,) = csv.DictReader(io.StringIO(as_csv([closed], NOW)))
    assert row["opened_at"] == "2026-03-01T12:28:59+00:00"
    assert (row["billed_minutes"], row["credits"], row["reason"]) == ("2", "1.50", "left")
    assert row["voicebot_name"].startswith("'=")  # a formula stays text


def test_an_empty_file_has_its_heading() -> None:
    assert as_csv([], NOW).startswith("session,state,opened_at")


def test_a_day_begins_with_the_first_of_two_midnights() -> None:
    """In Havana summer time ends at one at night, and the hour behind midnight comes twice."""
    twice = datetime(2026, 11, 1, 0, 30, tzinfo=ZoneInfo("America/Havana"), fold=1)
    begins = datetime(2026, 11, 1, tzinfo=ZoneInfo("America/Havana"), fold=0).timestamp()
    assert span(Period.TODAY, twice)[0] == begins
    assert span(Period.THIS_MONTH, twice)[0] == begins
    assert span(Period.LAST_MONTH, twice)[1] == begins
