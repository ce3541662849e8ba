"""Budgets: may a call begin, and how long may it last? Counted from the ledger, so that a restart forgets nothing."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot import clock
from bot.config.model import LimitSettings, Rule
from bot.errors import Refused
from bot.language import Text, mark, say, say_n

from .end_reason import EndReason
from .ledger import Ledger, SessionRecord, SessionState, billed_minutes


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit in minutes, and what is left of it."""

    whose: Literal["server", "user"]
    span: Literal["call", "day", "month"]
    limit: int
    left: int

    @property
    def name(self) -> Text:
        """Its name as people read it, as in "80 % of <name> is used up"."""
        return say(_NAMES[self.whose, self.span])


_NAMES = {
    ("server", "call"): mark("this server's time per call"),
    ("server", "day"): mark("this server's time for today"),
    ("server", "month"): mark("this server's time for this month"),
    ("user", "call"): mark("your time per call"),
    ("user", "day"): mark("your time for today"),
    ("user", "month"): mark("your time for this month"),
}
_USED_UP = {
    ("server", "day"): mark("This server's {limit} minutes for today are used up. They are renewed at midnight."),
    ("server", "month"): mark(
        "This server's {limit} minutes for this month are used up. They are renewed on the first of the month."
    ),
    ("user", "day"): mark("Your {limit} minutes for today are used up. They are renewed at midnight."),
    ("user", "month"): mark(
        "Your {limit} minutes for this month are used up. They are renewed on the first of the month."
    ),
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long a call may last, and by which limit; `spent` are the seconds of that limit that were used before."""

    seconds: float
    whose: str
    reason: EndReason
    spent: float = 0.0


@dataclass(frozen=True, slots=True)
class Starter:
    """Who wants a call, and on which server. `roles` are role ids."""

    guild_id: int
    user_id: int
    roles: Sequence[int] = ()


_SERVER: Literal["server"] = "server"
_USER: Literal["user"] = "user"


#: Sessions with an end in the future for which the time of the first look is remembered.
MAX_REMEMBERED = 1000


class Limits:
    """Decides from the ledger whether a call may begin. LedgerError refuses it, since the budget is unknown then."""

    def __init__(self, ledger: Ledger, max_calls: int | None = None) -> None:
        self._ledger = ledger
        self._first_seen: dict[str, float] = {}  # by session id: when an end in the future was seen, `clock.now()`
        #: Calls at once in the whole process; None is any number.
        self.max_calls = max_calls

    async def allowance(
        self, settings: LimitSettings, starter: Starter, now: datetime, starting: Mapping[str, Starter] | None = None
    ) -> Allowance | None:
        """Return how long a call may last; None when nothing limits it. Refused when it may not begin.

        `starting` are the calls, by id, that were asked for before this one and may not be in the ledger yet.
        """
        running = {
            record.id: Starter(record.guild_id, record.starter_id)
            for record in await self._ledger.unsettled()
            if record.state is not SessionState.UNKNOWN
        }
        _check_concurrent(settings, starter, list(({**(starting or {}), **running}).values()), self.max_calls)
        records = await self._recent(settings, starter.guild_id, now)
        user = rule_of(settings, starter)
        _check_cooldowns(settings.server, user, starter, [self._as_ended(record, now) for record in records], now)
        found = [
            Allowance(60.0 * budget.left, budget.name, EndReason.LIMIT, 60.0 * (budget.limit - budget.left))
            for budget in _checked(budgets(settings, starter, records, now))
        ]
        quiet = _until_quiet(settings, now)
        if quiet is not None:
            found.append(quiet)
        return min(found, key=lambda allowance: allowance.seconds, default=None)

    async def budgets(self, settings: LimitSettings, starter: Starter, now: datetime) -> list[Budget]:
        """Return what is left of each limit, for people to see."""
        return budgets(settings, starter, await self._recent(settings, starter.guild_id, now), now)

    async def _recent(self, settings: LimitSettings, guild_id: int, now: datetime) -> Sequence[SessionRecord]:
        """Return this month's records, and those from just before, whose cooldown may reach into it. What lies in the
        future counts: somebody may have set the clock back since."""
        start = month_start(now.astimezone(ZoneInfo(settings.time_zone))) - timedelta(days=1)
        return await self._ledger.between(start.timestamp(), math.inf, guild_id)

    def _as_ended(self, record: SessionRecord, now: datetime) -> SessionRecord:
        """Return a record whose end is not in the future. Such an end was written by a clock that was wrong then, or is
        now: it counts from when it was seen here first, so that no cooldown lasts longer than it is set to."""
        if record.closed_at is None or record.closed_at <= now.timestamp():
            return record
        seen = self._first_seen.setdefault(record.id, clock.now())
        if len(self._first_seen) > MAX_REMEMBERED:
            del self._first_seen[next(iter(self._first_seen))]
        return replace(record, closed_at=now.timestamp() - (clock.now() - seen))


def rule_of(settings: LimitSettings, starter: Starter) -> Rule:
    """Return the limits that hold for a user: their own, else the most generous of their roles', else everybody's;
    field by field."""
    own = settings.users.get(starter.user_id, Rule())
    roles = [settings.roles[role] for role in starter.roles if role in settings.roles]
    values = {}
    for name in Rule.model_fields:
        value = getattr(own, name)
        if value is None:
            granted = [getattr(rule, name) for rule in roles if getattr(rule, name) is not None]
            generous = min if name == "cooldown" else max
            value = generous(granted) if granted else getattr(settings.user, name)
        values[name] = value
    return Rule(**values)


def budgets(settings: LimitSettings, starter: Starter, records: Iterable[SessionRecord], now: datetime) -> list[Budget]:
    """Return every limit in minutes that holds for a starter. `records` are the server's, of this month at least.

    A call counts for the day and the month in which it was opened.
    """
    local = now.astimezone(ZoneInfo(settings.time_zone))
    month = month_start(local).timestamp()
    today = day_start(local).timestamp()
    everyone = [record for record in records if (record.opened_at or 0) >= month]
    own = [record for record in everyone if record.starter_id == starter.user_id]
    found = []
    for whose, rule, mine in (
        (_SERVER, settings.server, everyone),
        (_USER, rule_of(settings, starter), own),
    ):
        if rule.minutes_per_call is not None:
            found.append(Budget(whose, "call", rule.minutes_per_call, rule.minutes_per_call))
        if rule.minutes_per_day is not None:
            spent = sum(minutes(r, now) for r in mine if (r.opened_at or 0) >= today)
            found.append(Budget(whose, "day", rule.minutes_per_day, rule.minutes_per_day - spent))
        if rule.minutes_per_month is not None:
            spent = sum(minutes(r, now) for r in mine)
            found.append(Budget(whose, "month", rule.minutes_per_month, rule.minutes_per_month - spent))
    return found


def minutes(record: SessionRecord, now: datetime) -> int:
    """Return the minutes that a session has cost, so far if it is still open."""
    if record.billed_minutes is not None:
        return record.billed_minutes
    return 0 if record.opened_at is None else billed_minutes(now.timestamp() - record.opened_at)


def month_start(local: datetime) -> datetime:
    """Return midnight of the month's first day, in the same time zone."""
    return day_start(local.replace(day=1))


def day_start(local: datetime) -> datetime:
    """Return the beginning of a day, in the same time zone. Where summer time ends at midnight that hour comes twice:
    the day begins with the first of them (PEP 495)."""
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _checked(found: list[Budget]) -> list[Budget]:
    for budget in found:
        if budget.left <= 0:
            raise Refused(say(_USED_UP[budget.whose, budget.span], limit=budget.limit))
    return found


def _check_concurrent(
    settings: LimitSettings, starter: Starter, running: Sequence[Starter], max_calls: int | None
) -> None:
    here = sum(other.guild_id == starter.guild_id for other in running)
    own = sum(other.user_id == starter.user_id for other in running)
    user_limit, server_limit = rule_of(settings, starter).concurrent_calls, settings.server.concurrent_calls
    if user_limit is not None and own >= user_limit:
        raise Refused(
            say_n(
                "You have {count} call running, and may have {limit}. End one first.",
                "You have {count} calls running, and may have {limit}. End one first.",
                count=own,
                limit=user_limit,
            )
        )
    if server_limit is not None and here >= server_limit:
        raise Refused(say("This server may have {limit} calls at once. End one first.", limit=server_limit))
    if max_calls is not None and len(running) >= max_calls:
        raise Refused(say("The bot has reached its limit of calls at the same time. Try again later."))


def _check_cooldowns(
    server: Rule, user: Rule, starter: Starter, records: Sequence[SessionRecord], now: datetime
) -> None:
    for rule, mine in ((server, records), (user, [r for r in records if r.starter_id == starter.user_id])):
        ended = max((record.closed_at or 0.0 for record in mine), default=0.0)
        left = ended + (rule.cooldown or 0.0) - now.timestamp()
        if rule.cooldown and left > 0:
            raise Refused(
                say_n(
                    "There was a call a moment ago. The next one can begin in {count} second.",
                    "There was a call a moment ago. The next one can begin in {count} seconds.",
                    count=max(1, round(left)),
                )
            )


def _until_quiet(settings: LimitSettings, now: datetime) -> Allowance | None:
    """How long it is until the quiet hours; Refused in the middle of them."""
    local = now.astimezone(ZoneInfo(settings.time_zone))
    soonest: float | None = None
    for span in settings.quiet_hours:
        start, end = (time.fromisoformat(text) for text in span.split("-"))
        inside = start <= local.time() < end if start < end else local.time() >= start or local.time() < end
        if inside:
            raise Refused(
                say("This server's quiet hours last until {end} ({zone}).", end=f"{end:%H:%M}", zone=settings.time_zone)
            )
        today = local.replace(hour=start.hour, minute=start.minute, second=0, microsecond=0, fold=0)
        # Timestamps, since local times know nothing of summer time, and the hour that comes twice begins twice.
        beginnings = (today, today.replace(fold=1), today + timedelta(days=1), today + timedelta(days=2))
        waits = (begins.timestamp() - local.timestamp() for begins in beginnings)
        wait = next(wait for wait in waits if wait > 0)
        soonest = wait if soonest is None else min(soonest, wait)
    if soonest is None:
        return None
    return Allowance(soonest, say("the time until the quiet hours"), EndReason.QUIET_HOURS)
