"""The media loop: a thread of its own that a busy main loop does not disturb."""

import asyncio
import threading
import time

import aiohttp
import pytest

from bot.media.loop import MediaLoop
from bot.media.ticker import INTERVAL


@pytest.fixture
async def media() -> MediaLoop:
    return MediaLoop(lambda: aiohttp.TCPConnector())


async def test_coroutines_run_in_the_other_thread(media: MediaLoop) -> None:
    async def where() -> str:
        return threading.current_thread().name

    await media.start()
    try:
        assert await media.run(where()) == "media"
        assert threading.current_thread().name != "media"
    finally:
        await media.stop()


async def test_cancelling_the_wait_cancels_the_work(media: MediaLoop) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await media.start()
    try:
        waiting = asyncio.create_task(media.run(long()))
        await asyncio.to_thread(begun.wait, 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(cancelled.wait, 2)
    finally:
        await media.stop()


async def test_a_main_loop_that_burns_python_skips_no_beat(media: MediaLoop) -> None:
    ticks: list[int] = []
    subscriber = lambda tick, now: ticks.append(tick)  # noqa: E731

    async def add() -> None:
        media.ticker.add(subscriber)

    async def remove() -> None:
        media.ticker.remove(subscriber)

    await media.start()
    try:
        await media.run(add())
        deadline, burned = time.monotonic() + 0.5, 0
        while time.monotonic() < deadline:
            burned += 1
        await media.run(remove())
        # 25 beats fit into half a second; a loop in the same thread would have had none.
        assert len(ticks) + media.ticker.skipped >= 0.5 / INTERVAL - 2
        assert len(ticks) >= 15
    finally:
        await media.stop()


async def test_stopping_twice_is_harmless(media: MediaLoop) -> None:
    await media.start()
    await media.stop()
    await media.stop()
