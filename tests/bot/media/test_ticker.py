"""The beat: steady, absolute, skipping what a stall has cost."""

import asyncio
import time
from itertools import pairwise

import pytest

from bot.media.ticker import INTERVAL, Ticker
from tests.support import eventually


async def test_ticks_come_one_per_interval() -> None:
    ticker, ticks = Ticker(), []
    ticker.add(lambda tick, now: ticks.append(tick))
    began = time.monotonic()
    await asyncio.sleep(INTERVAL * 20.5)
    ticker.remove(ticker._subscribers[0])
    passed = (time.monotonic() - began) / INTERVAL
    assert abs(len(ticks) + ticker.skipped - passed) <= 2.5
    assert ticks == sorted(set(ticks))


async def test_after_a_stall_ticks_are_skipped_and_not_made_up_for() -> None:
    ticker, times = Ticker(), []
    subscriber = lambda tick, now: times.append((tick, time.monotonic()))  # noqa: E731
    ticker.add(subscriber)
    await asyncio.sleep(INTERVAL * 3)
    time.sleep(INTERVAL * 10)  # noqa: ASYNC251 -- the stall
    before = len(times)
    await asyncio.sleep(INTERVAL * 3.5)
    ticker.remove(subscriber)
    assert ticker.skipped >= 8
    assert len(times) - before <= 5
    numbers = [tick for tick, _ in times]
    assert max(b - a for a, b in pairwise(numbers)) >= 9


async def test_without_subscribers_it_sleeps_and_wakes_up_in_time() -> None:
    ticker, ticks = Ticker(), []
    first = lambda tick, now: ticks.append(tick)  # noqa: E731
    ticker.add(first)
    await asyncio.sleep(INTERVAL * 3)
    ticker.remove(first)
    assert ticker._handle is None
    await asyncio.sleep(INTERVAL * 10)
    last = ticks[-1]
    ticker.add(first)
    await asyncio.sleep(INTERVAL * 2.5)
    ticker.remove(first)
    assert ticks[-1] - last >= 10  # tick numbers follow time


async def test_a_subscriber_that_fails_does_not_stop_the_others_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticker, ticks = Ticker(), []

    def bad(tick: int, now: float) -> None:
        raise RuntimeError

    good = lambda tick, now: ticks.append(tick)  # noqa: E731
    ticker.add(bad)
    ticker.add(good)
    await eventually(lambda: len(ticks) >= 2)
    ticker.remove(bad)
    ticker.remove(good)
    assert caplog.messages == ["a call's tick failed"]
