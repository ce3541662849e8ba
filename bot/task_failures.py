"""Saying in the log why a task failed that nobody waits for."""

import asyncio
import logging
from typing import Any


def log_failure(log: logging.Logger, task: "asyncio.Task[Any]", message: str, *values: object) -> None:
    """Log what a task that is done has raised, after a message; nothing when it ended well or was cancelled."""
    if not task.cancelled() and task.exception() is not None:
        log.error(message, *values, exc_info=task.exception())
