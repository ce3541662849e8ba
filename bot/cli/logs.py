"""What the process logs, and where to."""

import logging
import sys

import aiohttp

from bot.network import httpx


def set_up_logging(level: str) -> None:
    """Log to standard error at a level of Python's (`INFO`, ...)."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)
    set_log_level(level)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_shorten_outages)


def set_log_level(level: str) -> None:
    """Set the log's level, which may change with the config."""
    logging.getLogger().setLevel(level)
    # At DEBUG these print whole requests: tokens, keys and what people said.
    for name in (httpx.__name__, "httpcore2", "discord"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(level)))
    logging.getLogger(httpx.__name__).setLevel(logging.WARNING)  # addresses of requests hold sessions' names
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports every file that is touched


def _shorten_outages(record: logging.LogRecord) -> bool:
    """Shorten what is logged of a lost network: discord.py's stack trace for each attempt to connect becomes one
    line."""
    error = record.exc_info[1] if record.exc_info else None
    if record.name.startswith("discord.") and isinstance(error, OSError | aiohttp.ClientError):
        record.msg, record.args = f"{record.getMessage()} ({type(error).__name__}: {error})", ()
        record.exc_info = record.exc_text = None
    return True
