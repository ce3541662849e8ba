"""A step that is given up the moment it is no longer wanted."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class GivenUp(Exception):
    """The step is not wanted any more."""


async def unless(given_up: asyncio.Event, step: Coroutine[Any, Any, T]) -> T:
    """What a step returns; GivenUp, and the step is cancelled and awaited, when the event is set before."""
    task = asyncio.ensure_future(step)
    waiting = asyncio.create_task(given_up.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise GivenUp
    finally:
        for either in (task, waiting):
            either.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
