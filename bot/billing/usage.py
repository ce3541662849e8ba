"""What calls have cost: per user and voicebot, in a period, and as CSV. Pure."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from .ledger import SessionRecord
from .limits import day_start, minutes, month_start


class Period(Enum):
    """The periods that people ask for."""

    TODAY = "today"
    THIS_MONTH = "this month"
    LAST_MONTH = "last month"
    EVER = "ever"


def span(period: Period, local: datetime) -> tuple[float, float]:
    """Return the start and the end of a period in seconds since 1970; `local` is now in the server's time zone."""
    now = local.timestamp() + 1
    if period is Period.TODAY:
        return day_start(local).timestamp(), now
    if period is Period.THIS_MONTH:
        return month_start(local).timestamp(), now
    if period is Period.LAST_MONTH:
        this = month_start(local)
        return month_start(this - timedelta(days=1)).timestamp(), this.timestamp()
    return 0.0, now


@dataclass(frozen=True, slots=True)
class Total:
    """What the sessions of one key have cost; credits as far as the provider told them."""

    key: str
    calls: int
    minutes: int
    credits: Decimal


def totals(records: Iterable[SessionRecord], key: Callable[[SessionRecord], str], now: datetime) -> list[Total]:
    """Sum the sessions up by key, the dearest first. Those that are still open count up to now."""
    sums: dict[str, tuple[int, int, Decimal]] = {}
    for record in records:
        calls, spent, used = sums.get(key(record), (0, 0, Decimal(0)))
        sums[key(record)] = calls + 1, spent + minutes(record, now), used + (record.credits or 0)
    found = [Total(name, *values) for name, values in sums.items()]
    return sorted(found, key=lambda total: (-total.minutes, total.key))


_COLUMNS = (
    "session",
    "state",
    "opened_at",
    "closed_at",
    "billed_minutes",
    "credits",
    "starter_id",
    "voice_channel_id",
    "voicebot",
    "voicebot_name",
    "reason",
)


def as_csv(records: Sequence[SessionRecord], local: datetime) -> str:
    """Return a CSV file with a line for each session, times in ISO 8601 in the time zone of `local`, which is now."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for record in records:
        writer.writerow(
            (
                record.id,
                record.state.value,
                _instant(record.opened_at, local),
                _instant(record.closed_at, local),
                minutes(record, local),
                "" if record.credits is None else f"{record.credits:f}",
                record.starter_id,
                record.voice_channel_id,
                _harmless(record.voicebot),
                _harmless(record.voicebot_name or ""),
                "" if record.reason is None else record.reason.name.lower(),
            )
        )
    return text.getvalue()


def _instant(seconds: float | None, local: datetime) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, local.tzinfo).isoformat(timespec="seconds")


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking a value for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
