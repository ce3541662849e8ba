"""`parley record`: what a flight record tells."""

import sys
from collections.abc import Sequence
from pathlib import Path

from bot.errors import FlightRecordError
from bot.recorder.contract import Assumption, Outcome, judge
from bot.recorder.reading import FlightRecord, read
from bot.recorder.timeline import timeline

from .exit_codes import EXIT_FAILED

MARKS = {Outcome.HELD: "+", Outcome.DIFFERS: "!", Outcome.NOT_SEEN: "?"}


def show(file: Path, *, everything: bool = False, assumptions: Sequence[Assumption] = ()) -> int:
    """Print a flight record as a timeline, and what differs from what the code assumes; the exit code."""
    try:
        record = read(file)
    except FlightRecordError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    for line in timeline(record, everything=everything):
        print(line)
    print()
    for line in verdicts(record, assumptions):
        print(line)
    if not record.whole:
        print("\nThe record is not whole: the process died, or there was too much of something.")
    return 0


def verdicts(record: FlightRecord, assumptions: Sequence[Assumption]) -> list[str]:
    """Return the assumptions with what was seen of them, one or two lines for each."""
    lines: list[str] = []
    for assumption, verdict in judge(record, assumptions):
        lines.append(f"{MARKS[verdict.outcome]} {assumption.text}: {verdict.seen or verdict.outcome.value}")
        if verdict.consequence:
            lines.append(f"    {verdict.consequence}")
        if verdict.proposal:
            lines.append(f"    proposed setting: {verdict.proposal}")
    return lines
