"""A call that was recorded comes to the same end when it is played again. All rows: `python -m tests.replays`."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from sandbox.reality import Row
from sandbox.reality.rows import ROWS
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
