"""Every row of the table of how the real services may behave.

What concerns different things is shown by one call; `make reality` plays each in a call of its own. Several are played
at once: what they change concerns their own server, or they are played alone, after the others.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.reality import Outcome, Row, bundles, play
from sandbox.reality.rows import ROWS
from sandbox.stage import Stage
from tests.stage import start_bot

AT_ONCE = 2  # beside other parts of the suite
BUNDLES = bundles(ROWS)
IN_ORDER: list[Row] = [*(row for row in BUNDLES if not row.alone), *(row for row in BUNDLES if row.alone)]

Played = dict[str, "asyncio.Task[Outcome]"]


@pytest.fixture(scope="module")
async def played(stage: Stage) -> AsyncIterator[Played]:
    """By name: what became of each row, once it was played."""
    bot = await start_bot(stage)
    seats, quiet = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
    outcomes: Played = {}

    async def one(number: int, row: Row) -> Outcome:
        if not row.alone:
            async with seats:
                return await play(stage, bot.process, row, number)
        await asyncio.wait([outcomes[other.name] for other in BUNDLES if not other.alone])
        async with quiet:
            return await play(stage, bot.process, row, number)

    for number, row in enumerate(BUNDLES, 1):
        outcomes[row.name] = asyncio.create_task(one(number, row), name=f"reality: {row.name}")
    yield outcomes
    for task in outcomes.values():
        task.cancel()
    await asyncio.gather(*outcomes.values(), return_exceptions=True)
    await bot.process.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", IN_ORDER, ids=[row.name for row in IN_ORDER])
async def test_a_call_goes_as_it_should_when(played: Played, row: Row) -> None:
    outcome = await played[row.name]
    assert outcome.failures(row) == [], outcome


async def test_a_call_that_begins_though_it_should_be_refused_is_called_so(stage: Stage, played: Played) -> None:
    await asyncio.wait(played.values())
    bot = await start_bot(stage)
    outcome = await play(stage, bot.process, Row("an ordinary call", "nowhere", refused=True), len(ROWS) + 1)
    assert outcome.failures(Row("an ordinary call", "nowhere", refused=True)) != []
    assert await bot.process.stop() == 0


def test_the_table_in_the_docs_has_every_row() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "reality.md").read_text().splitlines()
    names = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
    assert names[1:] == [row.name for row in ROWS]


def test_every_row_is_another_one_and_says_where_it_is_known_from() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.source for row in ROWS)


def test_a_bundle_shows_each_of_its_rows() -> None:
    assert len(BUNDLES) < len(ROWS)
    for row in ROWS:
        (bundle,) = [bundle for bundle in BUNDLES if row.name in bundle.name.split(" + ")]
        assert row.voice.items() <= bundle.voice.items()
        assert row.valsea.items() <= bundle.valsea.items()
        assert bundle is row or not row.has_steps


def test_a_call_that_did_not_go_well_is_called_so() -> None:
    """The table must be able to fail."""
    row = Row("a row", "nowhere")
    bad = Outcome(heard=0.1, billed=2).failures(row)
    assert bad == ["not heard", "not answered", "not written down", "not ended", "billed 2 minutes"]
    refused = Row("a row", "nowhere", refused=True)
    assert Outcome(billed=1, reply="x").failures(refused) != []
    assert Outcome(opened=True, reply="x").failures(refused) != []
    assert Outcome(reply="x").failures(refused) == []
    assert Outcome(1.0, True, True, True, 1).failures(row) == []
