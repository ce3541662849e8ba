"""The background tasks of a plugin: their errors are logged, and they are cancelled and awaited together."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from bot.task_failures import log_failure

from .time_limit import contained

log = logging.getLogger(__name__)

#: Seconds a cancelled task may take to tidy up.
CANCEL_TIMEOUT = 5.0


class OwnedTasks:
    """The tasks of one plugin. `close` leaves none behind."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def create(self, work: Coroutine[Any, Any, Any], name: str = "task") -> "asyncio.Task[Any]":
        """Run something beside the hooks."""
        task = asyncio.create_task(contained(work), name=f"plugin {self._owner}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    async def close(self) -> None:
        """Cancel all and wait for them."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=CANCEL_TIMEOUT)
            for task in stuck:
                log.error("%s ignores cancellation", task.get_name())

    def _on_done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        log_failure(log, task, "%s failed", task.get_name())
