"""A step of a start is waited for, or given up at once; never left behind."""

import asyncio

import pytest

from bot.cancellation import StepCancelled, cancel_when


async def test_what_it_returns() -> None:
    async def step() -> int:
        await asyncio.sleep(0)
        return 7

    assert await cancel_when(asyncio.Event(), step()) == 7


async def test_what_it_raises() -> None:
    async def step() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await cancel_when(asyncio.Event(), step())


async def test_it_is_given_up_and_has_tidied_up_before_that_is_told() -> None:
    given_up, tidied = asyncio.Event(), []

    async def step() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            tidied.append(True)

    waiting = asyncio.create_task(cancel_when(given_up, step()))
    await asyncio.sleep(0.01)
    given_up.set()
    with pytest.raises(StepCancelled):
        await waiting
    assert tidied == [True]


async def test_a_cancellation_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(cancel_when(asyncio.Event(), asyncio.sleep(60)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == before
