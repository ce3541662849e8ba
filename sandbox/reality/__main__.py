"""`make reality`: plays a call under every row and writes the table, for people and for docs/reality.md.

With `--live` it is a live check (`parley live`) under some rows instead, and the table says what the check named.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox.ending import end_process
from sandbox.libopus import load_opus
from sandbox.stage import Stage

from . import Outcome, Row, live, play
from .rows import ROWS


def main() -> int:
    """0 when no row fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows with these words in their name")
    parser.add_argument("--write", type=Path, help="put the table into this file, below its first rule")
    parser.add_argument("--live", action="store_true", help="a live check under each of some rows")
    options = parser.parse_args()
    load_opus()
    if options.live:
        return asyncio.run(_check_live(options.only.casefold()))
    rows = [row for row in ROWS if options.only.casefold() in row.name.casefold()]
    if not rows:
        parser.error(f"no row has {options.only!r} in its name")
    played = asyncio.run(_play_all(rows))
    lines = list(table(played))
    print("\n".join(lines))
    if options.write is not None:
        introduction = options.write.read_text().split("\n---\n")[0]
        options.write.write_text("\n".join([introduction, "", "---", "", *lines, ""]))
    failed = [row.name for row, outcome in played if outcome.failures(row)]
    print(f"\n{len(played)} rows, {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
    return int(bool(failed))


async def _play_all(rows: list[Row]) -> list[tuple[Row, Outcome]]:
    played: list[tuple[Row, Outcome]] = []
    async with Stage(ears=False) as stage:
        bot = stage.bot(stage.account(), stage.valsea.create_key("reality", 10_000))
        await bot.start(stage.config())
        for number, row in enumerate(rows, 1):
            outcome = await play(stage, bot, row, number)
            played.append((row, outcome))
            wrong = ", ".join(outcome.failures(row))
            print(f"» {number}/{len(rows)} {row.name}: {wrong or 'good'}", file=sys.stderr, flush=True)
        await bot.stop()
    return played


async def _check_live(only: str) -> int:
    """0 when each deviation was named, and nothing was billed beyond a minute."""
    print("| behaviour | exit | named | billed |")
    print("|---|---|---|---|", flush=True)
    failed = 0
    async with Stage(ears=False) as stage:
        for name, said in live.NAMED:
            if only not in name.casefold():
                continue
            outcome = await live.under(stage, name)
            named = outcome.names(said)
            good = bool(named) and outcome.code == 4 and outcome.billed == 1 and not outcome.running
            failed += not good
            print(f"| {name} | {outcome.code} | {named or '**nothing**'} | {outcome.billed} min |", flush=True)
    return int(bool(failed))


def table(played: list[tuple[Row, Outcome]]) -> Iterator[str]:
    """In Markdown."""
    yield "| behaviour | known from | heard | answered | written | ended | billed | result |"
    yield "|---|---|---|---|---|---|---|---|"
    for row, outcome in played:
        wrong = "; ".join(outcome.failures(row))
        if row.refused:
            cells = ["-", "-", "-", "-", f"{outcome.billed} min", wrong or "refused in time"]
        else:
            marks = [f"{outcome.heard:.0%}", *map(_mark, (outcome.answered, outcome.written, outcome.ended))]
            cells = [*marks, f"{outcome.billed} min", wrong or "good"]
        yield "| " + " | ".join([row.name, row.source, *cells]) + " |"


def _mark(good: bool) -> str:
    return "yes" if good else "no"


if __name__ == "__main__":
    end_process(main())
