"""Repairs of a call's connections, one per side at a time; a new one replaces the old one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bot.call.state import Side


class Repairs:
    """Owns the tasks that repair connections; `on_done` is told how each one that was not replaced ended, with None for
    success."""

    def __init__(self, name: str, on_done: Callable[[Side, Exception | None], None]) -> None:
        self._name = name
        self._on_done = on_done
        self._tasks: dict[Side, asyncio.Task[None]] = {}

    def __contains__(self, side: Side) -> bool:
        return side in self._tasks

    def start(self, side: Side, repair: Coroutine[Any, Any, None]) -> None:
        """Run a repair, in place of the one of that side that is running."""
        before = self._tasks.get(side)
        if before is not None:
            before.cancel()
        task = self._tasks[side] = asyncio.create_task(repair, name=f"{self._name} {side} repair")
        task.add_done_callback(lambda done: self._finish(side, done))

    async def cancel(self) -> None:
        """Cancel all repairs that are running."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finish(self, side: Side, task: "asyncio.Task[None]") -> None:
        current = self._tasks.get(side) is task
        if current:
            del self._tasks[side]
        error = None if task.cancelled() else task.exception()
        if current and not task.cancelled():
            self._on_done(side, error if isinstance(error, Exception) else None)
