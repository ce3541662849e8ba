"""A flight record as people read it: one line for each thing that happened, and when."""

from collections.abc import Iterator
from typing import Any

from .reading import Entry, FlightRecord

#: Discord's and DAVE's names of the voice gateway's opcodes
#: (https://discord.com/developers/docs/topics/opcodes-and-status-codes#voice, https://daveprotocol.com).
OPS = {
    0: "Identify",
    1: "Select Protocol",
    2: "Ready",
    3: "Heartbeat",
    4: "Session Description",
    5: "Speaking",
    6: "Heartbeat ACK",
    7: "Resume",
    8: "Hello",
    9: "Resumed",
    11: "Clients Connect",
    12: "Video",
    13: "Client Disconnect",
    15: "Media Sink Wants",
    18: "Client Flags",
    20: "Client Platform",
    21: "DAVE Prepare Transition",
    22: "DAVE Execute Transition",
    23: "DAVE Transition Ready",
    24: "DAVE Prepare Epoch",
    25: "DAVE External Sender",
    26: "DAVE Key Package",
    27: "DAVE Proposals",
    28: "DAVE Commit Welcome",
    29: "DAVE Announce Commit",
    30: "DAVE Welcome",
    31: "DAVE Invalid Commit Welcome",
}
HEARTBEAT_OPS = (3, 6)
#: Characters of the details of one line.
MAX_DETAILS = 240


def timeline(record: FlightRecord, *, everything: bool = False) -> Iterator[str]:
    """Yield the lines of a call. Heartbeats, packets beyond the first of each SSRC, and keys that have not changed come
    only with `everything`."""
    header = ", ".join(f"{key} {_brief(value)}" for key, value in record.header.items() if key not in ("t", "kind"))
    yield printable(f"{record.file.name}: {header}")
    noise = _Noise()
    for entry in record.entries:
        if everything or not noise.includes(entry):
            yield printable(_line(entry))


class _Noise:
    """What is left out, since it says nothing new."""

    def __init__(self) -> None:
        self._ssrcs: set[tuple[str, str]] = set()
        self._keys: Entry = {}

    def includes(self, entry: Entry) -> bool:
        """Return whether an entry is left out; they come in their order."""
        match entry["kind"]:
            case "gateway":
                return entry.get("op") in HEARTBEAT_OPS
            case "packet":
                key = str(entry.get("direction")), str(entry.get("ssrc"))
                known = key in self._ssrcs or "ssrc" not in entry
                self._ssrcs.add(key)
                return known
            case "keys":
                before, self._keys = self._keys, {key: value for key, value in entry.items() if key != "t"}
                return before == self._keys
        return False


def printable(line: str) -> str:
    """Return a line without what would move the cursor of a terminal: a record may come from anybody."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def _line(entry: Entry) -> str:
    try:
        what, details = _told(entry)
    except (TypeError, ValueError, LookupError, AttributeError):
        what, details = str(entry["kind"])[:16], "an entry that is not as Parley writes it"
    return f"{entry['t']:10.3f}  {what:<16}  {details[:MAX_DETAILS]}".rstrip()


def _told(entry: Entry) -> tuple[str, str]:
    """Return what kind of thing happened, and the details."""
    rest = {key: value for key, value in entry.items() if key not in ("t", "kind")}
    match entry["kind"]:
        case "gateway":
            op, direction = rest.pop("op", None), rest.pop("direction", None)
            arrow = "<-" if direction == "in" else "->"
            return (
                "voice gateway",
                f"{arrow} {op} {OPS.get(op, 'of which nothing is known')} {_brief(rest.pop('d', rest))}",
            )
        case "packet":
            arrow = "<-" if rest.pop("direction", None) == "in" else "->"
            return "packet", f"{arrow} {_brief(rest)}"
        case "provider":
            request, status = rest.pop("request", ""), rest.pop("status", None) or rest.get("error")
            seconds, body, answer = rest.pop("seconds", 0), rest.pop("body", None), rest.pop("answer", None)
            return "provider", f"{request} {_brief(body)} -> {status} in {seconds:g} s {_brief(answer)}"
        case "event":
            return "event", f"{rest.pop('event', '')} {_brief(rest)}"
        case "state":
            return "call", " ".join(str(value) for value in rest.values())
        case kind:
            return kind, _brief(rest)


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_brief(inner)}" for key, inner in value.items() if inner is not None) or "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_brief, value[:8])) + (", …" if len(value) > 8 else "") + "]"
    return "-" if value is None else str(value)
