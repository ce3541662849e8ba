"""Repairs: one a side, the newest counts, and how each ended is told."""

import asyncio

from bot.call.connection.repairs import Repairs


class Told:
    """Repairs, and what was told of them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Exception | None]] = []
        self.repairs = Repairs("call 1", lambda side, error: self.done.append((side, error)))

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def _well() -> None:
    await asyncio.sleep(0)


async def _badly(error: Exception) -> None:
    raise error


async def test_how_each_ended() -> None:
    told, error = Told(), ValueError("no")
    told.repairs.start("voice", _well())
    told.repairs.start("room", _badly(error))
    assert "voice" in told.repairs
    await told.settle()
    assert sorted(told.done, key=str) == [("room", error), ("voice", None)]
    assert "voice" not in told.repairs


async def test_a_newer_one_replaces_the_older_and_nothing_is_told_of_that() -> None:
    told, started = Told(), []

    async def first() -> None:
        started.append(1)
        await asyncio.sleep(60)

    told.repairs.start("voice", first())
    await told.settle()
    told.repairs.start("voice", _well())
    await told.settle()
    assert started == [1]
    assert told.done == [("voice", None)]


async def test_all_are_given_up_and_nothing_is_told_of_it() -> None:
    told, tidied = Told(), []

    async def repair() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            tidied.append(True)

    told.repairs.start("voice", repair())
    told.repairs.start("room", repair())
    await told.settle()
    await told.repairs.cancel()
    assert tidied == [True, True]
    assert told.done == []
