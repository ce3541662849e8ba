"""Work of plugins that will not behave: nobody waits for it longer than they said, and it ends nothing but itself."""

import asyncio
import sys

import pytest

from bot.plugin_host import patience
from bot.plugin_host.patience import contained, within


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

    assert await within(1, answers(), "it") == 7
    with pytest.raises(ValueError, match="wrong"):
        await within(1, fails(), "it")


async def test_what_hangs_is_cancelled() -> None:
    cancelled = asyncio.Event()

    with pytest.raises(TimeoutError):
        await within(0.01, _hangs(cancelled), "it")
    assert cancelled.is_set()


async def test_what_swallows_its_cancellation_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.01)
    enough = asyncio.Event()

    async def clings() -> None:
        while not enough.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue
        raise ValueError("nobody asks any more")

    with pytest.raises(TimeoutError):
        await within(0.01, clings(), "plugin leech: on_transcript")
    assert "plugin leech: on_transcript ignores cancellation" in caplog.text
    (left,) = patience._ABANDONED
    enough.set()
    await asyncio.wait({left})
    await asyncio.sleep(0)
    assert not patience._ABANDONED


async def test_what_cancels_itself_does_not_cancel_who_waits() -> None:
    async def awaits_what_it_cancelled() -> None:
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="cancelled itself"):
        await within(1, awaits_what_it_cancelled(), "it")


async def test_the_process_is_not_for_it_to_end() -> None:
    async def leaves() -> None:
        sys.exit(3)

    with pytest.raises(RuntimeError, match="exit code 3"):
        await within(1, leaves(), "it")
    with pytest.raises(RuntimeError, match="exit code 3"):
        await contained(leaves())


async def test_who_waits_can_be_cancelled_and_takes_it_along() -> None:
    cancelled = asyncio.Event()

    waiting = asyncio.create_task(within(60, _hangs(cancelled), "it"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert cancelled.is_set()
    assert not patience._ABANDONED
