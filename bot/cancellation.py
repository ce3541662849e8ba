"""Cancels a coroutine when an event is set."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StepCancelled(Exception):
    """Raised by `cancel_when` when the event was set before the coroutine returned."""


async def cancel_when(event: asyncio.Event, coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a step returns; StepCancelled, and the step is cancelled and awaited, when `event` is set before."""
    task = asyncio.ensure_future(coroutine)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise StepCancelled
    finally:
        for either in (task, waiting):
            either.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
