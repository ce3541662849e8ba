"""One row per budget: what, its figure, its baseline, their ratio, the budget."""

import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A result. Figures carry their unit; `ratio` or `difference` is what the budget is about."""

    what: str
    figure: str
    baseline: str
    result: str
    budget: str
    within: bool


def show(rows: list[Row]) -> str:
    """The table, in Markdown, with the machine above it."""
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}",
        "",
        "| What | Figure | Baseline, same run | Result | Budget | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = "kept" if row.within else "**missed**"
        lines.append(f"| {row.what} | {row.figure} | {row.baseline} | {row.result} | {row.budget} | {verdict} |")
    return "\n".join(lines)
