"""A plugin's coroutine with a time limit, whatever it does: hang, cancel itself, try to end the process."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds to tidy up for work that ran out of time and was cancelled.
GRACE = 1.0
#: Work that would not let itself be cancelled. Nobody waits for it any more; it cannot be stopped by anything else.
_ABANDONED: set["asyncio.Task[Any]"] = set()


async def run_with_timeout(seconds: float, work: Coroutine[Any, Any, T], name: str) -> T:
    """Return the result of a plugin's work, or raise its errors; TimeoutError when it takes longer.

    RuntimeError when it cancelled itself or raised SystemExit: neither may reach the caller.
    """
    task = asyncio.create_task(contained(work), name=name)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        in_time = task.done()
        if not in_time:
            task.cancel()
            _abandon(task)
    if not in_time:
        await asyncio.wait({task}, timeout=GRACE)
        if not task.done():
            log.error("%s ignores cancellation", name)
        raise TimeoutError
    if task.cancelled():
        raise RuntimeError("it cancelled itself")
    return task.result()


async def contained(work: Coroutine[Any, Any, T]) -> T:
    """Run a plugin's work, which may fail but not end the process: asyncio passes SystemExit on to what runs the
    loop."""
    try:
        return await work
    except SystemExit as error:
        raise RuntimeError(f"it tried to end the whole process with exit code {error.code}") from error


def _abandon(task: "asyncio.Task[Any]") -> None:
    _ABANDONED.add(task)
    task.add_done_callback(_forget)


def _forget(task: "asyncio.Task[Any]") -> None:
    _ABANDONED.discard(task)
    if not task.cancelled():
        task.exception()  # too late to be of interest
