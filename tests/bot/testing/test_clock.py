"""Time that a test lets pass: everybody wakes in turn, and nobody early."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.testing.clock import Clock


async def _nothing() -> None:
    pass


async def test_time_passes_by_itself() -> None:
    clock = Clock()
    before = time.monotonic()
    await clock.sleep(0.05)
    assert time.monotonic() - before >= 0.045


async def test_who_is_due_wakes_in_turn_and_sleeps_again() -> None:
    clock, woke = Clock(), list[str]()

    async def every(seconds: float, name: str) -> None:
        while True:
            await clock.sleep(seconds)
            woke.append(name)

    sleepers = [asyncio.create_task(every(20, "often")), asyncio.create_task(every(50, "seldom"))]
    await asyncio.sleep(0)
    await clock.advance(61, _nothing)
    assert woke == ["often", "often", "seldom", "often"]
    await clock.advance(15, _nothing)
    assert len(woke) == 4
    await clock.advance(5, _nothing)
    assert woke[4:] == ["often"]
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert clock._sleeping == {}


async def test_the_rest_of_a_sleep_passes_by_itself() -> None:
    clock = Clock()
    sleeper = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    await clock.advance(9.95, _nothing)
    assert not sleeper.done()
    await asyncio.wait_for(sleeper, 2)


async def test_who_sleeps_for_no_time_again_and_again_is_told_of() -> None:
    """It would be a busy loop in the bot, and here no time would ever pass."""
    clock = Clock()

    async def spin() -> None:
        while True:
            await clock.sleep(0)

    spinning = asyncio.create_task(spin())
    await asyncio.sleep(0)
    with pytest.raises(AssertionError, match="sleeps for 0 seconds"):
        await asyncio.wait_for(clock.advance(60, _nothing), 30)
    spinning.cancel()
    await asyncio.gather(spinning, return_exceptions=True)


async def test_what_was_set_off_is_done_before_more_time_passes() -> None:
    clock, order = Clock(), list[str]()

    async def works() -> None:
        await clock.sleep(1)
        order.append("woke")

    async def settled() -> None:
        await asyncio.sleep(0.02)
        order.append("settled")

    tasks = [asyncio.create_task(works()) for _ in range(2)]
    await asyncio.sleep(0)
    await clock.sleep(0.001)  # they are not due at the same moment
    await clock.advance(2, settled)
    assert order[0] == "woke"
    assert order[-1] == "settled"
    await asyncio.gather(*tasks)


@given(st.lists(st.floats(0.5, 100), min_size=1, max_size=8), st.lists(st.floats(0, 40), min_size=1, max_size=6))
def test_nobody_wakes_early_or_late(sleeps: list[float], steps: list[float]) -> None:
    async def play() -> None:
        clock, woke = Clock(), dict[int, float]()
        begun = clock.now()

        async def sleeper(number: int, seconds: float) -> None:
            await clock.sleep(seconds)
            woke[number] = clock.now() - begun

        tasks = [asyncio.create_task(sleeper(number, seconds)) for number, seconds in enumerate(sleeps)]
        await asyncio.sleep(0)
        for step in steps:
            await clock.advance(step, _nothing)
        passed = clock.now() - begun
        for number, seconds in enumerate(sleeps):
            if seconds < sum(steps) - 0.001:
                assert seconds <= woke[number] + 1e-6
                assert woke[number] <= passed
            elif seconds > passed:
                assert number not in woke
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(play())
