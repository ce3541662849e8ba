"""Work of plugins that will not behave: nobody waits for it longer than they said, and it ends nothing but itself."""

import asyncio
import sys

import pytest

from bot.plugin_host import time_limit
from bot.plugin_host.time_limit import contained, run_with_timeout


async def _hangs(cancelled: asyncio.Event) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        cancelled.set()


async def test_results_and_errors_pass() -> None:
    async def answers() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("wrong")

    assert await run_with_timeout(1, answers(), "it") == 7
    with pytest.raises(ValueError, match="wrong"):
        await run_with_timeout(1, fails(), "it")


async def test_what_hangs_is_cancelled() -> None:
    cancelled = asyncio.Event()

    with pytest.raises(TimeoutError):
        await run_with_timeout(0.01, _hangs(cancelled), "it")
    assert cancelled.is_set()


async def test_what_swallows_its_cancellation_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time_limit, "GRACE", 0.01)
    enough = asyncio.Event()

    async def clings() -> None:
        while not enough.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue
        raise ValueError("nobody asks any more")

    with pytest.raises(TimeoutError):
        await run_with_timeout(0.01, clings(), "plugin leech: on_transcript")
    assert "plugin leech: on_transcript ignores cancellation" in caplog.text
    (left,) = time_limit._ABANDONED
    enough.set()
    await asyncio.wait({left})
    await asyncio.sleep(0)
    assert not time_limit._ABANDONED


async def test_what_cancels_itself_does_not_cancel_who_waits() -> None:
    async def awaits_what_it_cancelled() -> None:
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="cancelled itself"):
        await run_with_timeout(1, awaits_what_it_cancelled(), "it")


async def test_the_process_is_not_for_it_to_end() -> None:
    async def leaves() -> None:
        sys.exit(3)

    with pytest.raises(RuntimeError, match="exit code 3"):
        await run_with_timeout(1, leaves(), "it")
    with pytest.raises(RuntimeError, match="exit code 3"):
        await contained(leaves())


async def test_who_waits_can_be_cancelled_and_takes_it_along() -> None:
    cancelled = asyncio.Event()

    waiting = asyncio.create_task(run_with_timeout(60, _hangs(cancelled), "it"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert cancelled.is_set()
    assert not time_limit._ABANDONED
