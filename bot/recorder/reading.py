"""Reads a flight record from its file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import FlightRecordError

from .folder import FORMAT, MAX_BYTES

Entry = dict[str, Any]

#: Bytes that a file may have: what one is cut at, and its last line.
MAX_FILE = MAX_BYTES + 4096


@dataclass(frozen=True, slots=True)
class FlightRecord:
    """One call, as it was recorded: the first line, and the entries in their order. Each has `t`, in seconds, and
    `kind`."""

    file: Path
    header: Entry
    entries: tuple[Entry, ...]

    def of(self, *kinds: str) -> list[Entry]:
        """Return the entries of some kinds."""
        return [entry for entry in self.entries if entry["kind"] in kinds]

    @property
    def ending(self) -> float:
        """When the call began to end, in seconds as the entries' `t`; infinite when it never did."""
        return next((entry["t"] for entry in self.of("state") if entry.get("state") == "ENDING"), float("inf"))

    @property
    def whole(self) -> bool:
        """Whether the call was recorded to its end, and nothing was left out."""
        ends = self.of("end of record")
        return bool(ends) and not any(end.get("cut") or end.get("dropped") for end in ends)


def read(file: Path) -> FlightRecord:
    """Read a flight record; FlightRecordError with the file and the line. The last line of a process that died may be
    incomplete, and is left out."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise FlightRecordError(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise FlightRecordError(f"{file} has more than {MAX_FILE} bytes, which no flight record of Parley has")
    lines = data.split(b"\n")
    last = lines.pop()  # empty when the last line is complete
    entries = [_entry(line, file, number) for number, line in enumerate(lines, 1)]
    if not entries or entries[0]["kind"] != "record":
        incomplete = " It has no complete line." if last and not entries else ""
        raise FlightRecordError(
            f"{file}:1: not a flight record of Parley.{incomplete} They are written with `--record`"
        )
    if entries[0].get("format") != FORMAT:
        raise FlightRecordError(f"{file}:1: a flight record of another format; read it with the Parley that wrote it")
    return FlightRecord(file, entries[0], tuple(entries[1:]))


def _entry(line: bytes, file: Path, number: int) -> Entry:
    try:
        entry = json.loads(line)
        good = isinstance(entry["kind"], str) and isinstance(entry.get("t", 0), int | float)
    except (ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not good:
        raise FlightRecordError(f"{file}:{number}: not a line of a flight record; is the file damaged?")
    return {"t": 0.0, **entry}
