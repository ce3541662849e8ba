"""Calls that were played under a behaviour of the real services, and played again from their flight records.

`python -m tests.replays [WORDS]` does it for each row of the table, or those with these words in their name: one after
the other, some half a minute each.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.recorder.comparison import differences
from bot.recorder.reading import FlightRecord, read
from sandbox.ending import end_process
from sandbox.libopus import load_opus
from sandbox.reality import Row, play
from sandbox.reality.rows import ROWS
from sandbox.replay.player import RECORDS, Player, complete_records
from sandbox.replay.reading import scenario_of
from sandbox.stage import BotProcess, Stage
from tests.support import happens


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded call, and the record of its replay."""

    first: FlightRecord
    second: FlightRecord

    @property
    def differences(self) -> list[str]:
        return list(differences(self.first, self.second))


async def replay(stage: Stage, bot: BotProcess, row: Row, number: int, folder: Path) -> Replayed | None:
    """Play a row, and play its record; None when no voice server was reached, so that there is nothing to play."""
    before = set(complete_records(bot))
    await play(stage, bot, row, number)
    has_record = await happens(lambda: set(complete_records(bot)) > before, 30)
    if row.refused and not has_record:
        return None
    assert has_record, "the call has no record"
    first = read(min(set(complete_records(bot)) - before))
    if not first.of("gateway"):
        return None
    player = Player(stage, scenario_of(first.entries))
    return Replayed(first, read(await player.run(folder / f"replay-of-{first.file.name}")))


async def main(words: str) -> int:
    """Print a table; 0 when every replay came to the same end."""
    print("| behaviour | end of the replay |\n|---|---|", flush=True)
    failed = 0
    async with Stage(ears=False, records=RECORDS) as stage:
        bot = stage.bot(stage.account(), stage.valsea.create_key("replays", 10_000))
        await bot.start(stage.config())
        for number, row in enumerate(ROWS, 1):
            if words not in row.name.casefold():
                continue
            replayed = await replay(stage, bot, row, number, stage.folder / "replays")
            found = [] if replayed is None else replayed.differences
            failed += bool(found)
            told = "; ".join(found) or ("no voice server was reached" if replayed is None else "the same")
            print(f"| {row.name} | {told} |", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    load_opus()
    end_process(asyncio.run(main(" ".join(sys.argv[1:]).casefold())))
