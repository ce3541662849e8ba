"""Logs the errors of tasks whose result nobody awaits."""

import asyncio
import logging
from typing import Any


def log_failure(log: logging.Logger, task: "asyncio.Task[Any]", message: str, *values: object) -> None:
    """Log the exception of a task that is done, after a message; do nothing if it succeeded or was cancelled."""
    if not task.cancelled() and task.exception() is not None:
        log.error(message, *values, exc_info=task.exception())
