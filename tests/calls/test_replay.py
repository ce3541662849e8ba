"""A call that was recorded comes to the same end when it is played again. All rows: `python -m tests.replays`."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.recorder.comparison import differences, end_of
from bot.recorder.reading import read
from sandbox.reality import Row
from sandbox.reality.rows import ROWS
from sandbox.replay.player import Player
from sandbox.replay.reading import scenario_of
from sandbox.stage import BotProcess, Stage
from tests.replays import replay

#: One of each kind: a join that is refused first, people who come and go, another voice server.
NAMES = [
    "4006 to the first IDENTIFY",
    "people come and go",
    "the region moves in mid-word",
]
PLAYED = [row for row in ROWS if row.name in NAMES]


@pytest.fixture(scope="module")
async def bot(stage: Stage) -> BotProcess:
    process = stage.bot(stage.account(), stage.valsea.create_key("replays", 10_000), folder="replays")
    await process.start(stage.config())
    return process


@pytest.mark.parametrize("row", PLAYED, ids=[row.name for row in PLAYED])
async def test_the_replay_ends_as_the_call_did(stage: Stage, bot: BotProcess, row: Row, tmp_path: Path) -> None:
    replayed = await replay(stage, bot, row, 900 + PLAYED.index(row), tmp_path)
    assert replayed is not None
    assert replayed.differences == [], (replayed.first.file, replayed.second.file)


async def test_what_messages_held_is_played_too(stage: Stage, bot: BotProcess, tmp_path: Path) -> None:
    """A record of a Discord that has moved on: what it sends reaches the driver, which says the same of it."""
    (row,) = (row for row in ROWS if row.name == "nothing unusual")
    ordinary = await replay(stage, bot, row, 940, tmp_path)
    assert ordinary is not None
    later = tmp_path / "later.jsonl"
    changed = [_later(json.loads(line)) for line in ordinary.first.file.read_text().splitlines()]
    later.write_text("".join(json.dumps(entry) + "\n" for entry in changed))
    first = read(later)
    second = read(await Player(stage, scenario_of(first.entries)).run(tmp_path / "again.jsonl"))
    assert list(differences(first, second)) == []
    assert set(end_of(second).assumptions) == {"The voice gateway speaks version 8", "All fields of messages are known"}


def _later(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a voice server of another version would have caused it."""
    if entry.get("kind") != "gateway" or entry.get("direction") != "in":
        return entry
    changes: dict[int, dict[str, Any]] = {8: {"v": 9}, 4: {"media_route": "word(5)"}, 5: {"clips": True}}
    more = changes.get(entry["op"])
    return {**entry, "d": {**entry["d"], **more}} if more else entry


@pytest.mark.timeout(240)
async def test_the_command_plays_a_record_by_itself(stage: Stage, bot: BotProcess, tmp_path: Path) -> None:
    """On a stage of its own, as somebody with a record and the stand-ins does."""
    (row,) = (row for row in ROWS if row.name == "nothing unusual")
    replayed = await replay(stage, bot, row, 950, tmp_path)
    assert replayed is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "record", "replay", str(replayed.first.file), "--into", str(tmp_path / "again")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ},
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    assert "The same end as in" in printed.decode()
    assert len(list((tmp_path / "again").glob("*.jsonl"))) == 1
