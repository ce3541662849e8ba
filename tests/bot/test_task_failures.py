"""What is logged of a task that nobody waits for."""

import asyncio
import logging

import pytest

from bot.task_failures import log_failure

log = logging.getLogger(__name__)


async def _ends(error: BaseException | None) -> None:
    if error is not None:
        raise error


@pytest.mark.parametrize("error", [None, asyncio.CancelledError()])
async def test_a_task_that_ends_well_or_is_cancelled_is_no_failure(
    error: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    task = asyncio.create_task(_ends(error))
    await asyncio.wait({task})
    log_failure(log, task, "it failed")
    assert caplog.text == ""


async def test_why_a_task_failed_is_logged_after_the_message(caplog: pytest.LogCaptureFixture) -> None:
    task = asyncio.create_task(_ends(ValueError("the reason")))
    await asyncio.wait({task})
    log_failure(log, task, "call %s ended badly", "c1")
    assert "call c1 ended badly" in caplog.text
    assert "ValueError: the reason" in caplog.text
