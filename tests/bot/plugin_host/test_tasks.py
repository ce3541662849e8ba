"""A plugin's own tasks: their errors are logged, and none outlives it."""

import asyncio

import pytest

from bot.plugin_host import tasks
from bot.plugin_host.tasks import OwnedTasks


async def test_none_is_left_behind() -> None:
    own, ended = OwnedTasks("dice"), []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    for _ in range(3):
        own.create(work())
    await asyncio.sleep(0)
    assert len(own) == 3
    await own.close()
    assert (len(own), ended) == (0, [True] * 3)


async def test_what_goes_wrong_in_one_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    own = OwnedTasks("dice")

    async def work() -> None:
        raise ValueError("seven eyes")

    own.create(work(), "rolling")
    await asyncio.sleep(0.01)
    assert "plugin dice: rolling failed" in caplog.text
    assert "seven eyes" in caplog.text
    assert len(own) == 0


async def test_one_that_will_not_go_is_named_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "CANCEL_TIMEOUT", 0.05)
    own, release = OwnedTasks("dice"), asyncio.Event()

    async def work() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = own.create(work())
    await asyncio.sleep(0)
    await own.close()
    assert "ignores cancellation" in caplog.text
    release.set()
    await task
