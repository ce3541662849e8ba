"""Assumptions and what became of them, as the commands print them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bot.recorder.contract import Finding, Outcome
from bot.recorder.timeline import printable

MARKS = {Outcome.HELD: "+", Outcome.DIFFERS: "!", Outcome.NOT_SEEN: "?"}


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield one line for each assumption with what was seen, and below it the consequence where it differs."""
    for finding in findings:
        verdict = finding.verdict
        seen = printable(verdict.seen) or verdict.outcome.value
        yield f"{MARKS[verdict.outcome]} {finding.assumption.text}: {seen}"
        if verdict.consequence:
            yield f"    {verdict.consequence}"
        if verdict.proposal:
            yield f"    proposed setting: {printable(verdict.proposal)}"


def summary(findings: Sequence[Finding]) -> str:
    """Return how many assumptions held, differ and were not seen."""
    counts = Counter(finding.verdict.outcome for finding in findings)
    return f"{counts[Outcome.HELD]} held, {counts[Outcome.DIFFERS]} differ, {counts[Outcome.NOT_SEEN]} were not seen."
