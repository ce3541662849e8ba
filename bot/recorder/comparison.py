"""Two flight records of what should be the same call: whether Discord's side of it came to the same end."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from .contract import VOICE_ASSUMPTIONS, Outcome
from .reading import FlightRecord

#: Reasons to end that come from Discord's side (`bot.billing.end_reason.EndReason`).
_OF_DISCORD = frozenset({"NOT_STARTED", "DISCONNECTED", "MOVED", "EMPTY", "VOICE_LOST", "NOBODY_HEARD", "SEAT_TAKEN"})


@dataclass(frozen=True, slots=True)
class End:
    """How the voice side of a call went, without its times: what the driver met, and what came of it."""

    live: bool
    reason: str | None  # why the call ended; ASKED where Discord had nothing to do with it
    voice_sessions: int  # that were described
    resumes: int  # that succeeded
    closed_with: tuple[int, ...]  # codes, in order, until the call was ending
    keys: bool  # at the end of the call
    people_heard: int
    unheard: tuple[str, ...]  # what the driver said of those that it could not hear
    assumptions: tuple[str, ...]  # those that did not hold


def end_of(record: FlightRecord) -> End:
    """Return how a call went."""
    states = record.of("state")
    ending = record.ending
    during = [entry for entry in record.entries if entry["t"] < ending]
    keys = [entry for entry in during if entry["kind"] == "keys"]
    events = [entry for entry in during if entry["kind"] == "event"]
    gateway = [entry for entry in during if entry["kind"] == "gateway" and entry.get("direction") == "in"]
    codes = [entry.get("code") for entry in during if entry["kind"] == "gateway closed"]
    return End(
        live=any(entry.get("state") == "LIVE" for entry in states),
        reason=next((_reason(entry.get("reason")) for entry in states if entry.get("state") == "ENDING"), None),
        voice_sessions=sum(entry.get("op") == 4 for entry in gateway),
        resumes=sum(entry.get("op") == 9 for entry in gateway),
        closed_with=tuple(code for code in codes if isinstance(code, int) and code != 1000),
        keys=bool(keys) and bool(keys[-1].get("ready")),
        people_heard=len({str(e.get("user_id")) for e in events if e.get("event") == "SpeakingChanged"}),
        unheard=tuple(sorted({str(e["event"]) for e in events if e.get("event") in ("Unowned", "Undecryptable")})),
        assumptions=tuple(one.text for one in VOICE_ASSUMPTIONS if one.judge(record).outcome is Outcome.DIFFERS),
    )


def _reason(reason: object) -> str:
    """Return why a call ended, where Discord had to do with it: a replay ends by a command otherwise."""
    return str(reason) if reason in _OF_DISCORD else "ASKED"


def differences(first: FlightRecord, second: FlightRecord) -> Iterator[str]:
    """Yield what of the end of one call is not so in the other one, a line each."""
    one, other = end_of(first), end_of(second)
    for field in fields(End):
        before, after = getattr(one, field.name), getattr(other, field.name)
        if before != after:
            yield f"{field.name.replace('_', ' ')}: {_told(before)}, and {_told(after)} in the replay"


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
