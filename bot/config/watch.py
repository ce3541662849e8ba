"""Puts the config's files in force when they change: watches them, and waits until nobody writes them any more."""

import asyncio
import logging

from watchfiles import awatch

from bot.errors import ConfigError, Problem

from .config_file import ConfigFile
from .load import Config

log = logging.getLogger(__name__)

#: Milliseconds in which changes count as one: editors write a file in several steps.
DEBOUNCE_MS = 300
#: Seconds in which nobody must have written any more before files count as whole.
QUIET_SECONDS = 0.7
#: How often files are read that do not come to rest; others who change settings wait meanwhile.
MAX_READS = 20
#: Seconds between two looks where the system does not tell of changes.
POLL_INTERVAL = 5


async def watch(source: ConfigFile) -> None:
    """Put every good change in force until cancelled; log what it changes, and what is wrong with a bad one.

    The folder is watched where the file's name stands, and where it leads: orchestrators change a link.
    """
    folders = {source.file.absolute().parent, source.file.resolve().parent}
    try:
        async for _ in awatch(*folders, debounce=DEBOUNCE_MS, rust_timeout=POLL_INTERVAL * 1000, yield_on_timeout=True):
            if source.is_outdated():
                await reload(source)
    except Exception as error:  # no notifications left on this system, or the folder was replaced
        log.warning("config files cannot be watched (%s); looking at them every %d s", error, POLL_INTERVAL)
    while True:
        await asyncio.sleep(POLL_INTERVAL)
        if source.is_outdated():
            await reload(source)


async def reload(source: ConfigFile) -> bool:
    """Read changed files until nobody writes them any more; whether there is a new config in force."""
    async with source.changing:
        before = source.config
        for _ in range(MAX_READS):
            after, problems = await _read(source)
            await asyncio.sleep(QUIET_SECONDS)
            if not source.is_outdated():
                break
        else:
            log.error("the changed config is not used yet: something writes its files all the time")
            return False
        for problem in problems:
            log.error("the changed config is not used: %s", problem)
        return after is not None and source.put_in_force(before, after)


async def _read(source: ConfigFile) -> tuple[Config | None, list[Problem]]:
    try:
        return await asyncio.to_thread(source.read), []
    except ConfigError as error:
        return None, error.problems
    except Exception:  # the bot lives on with what it has, and looks again at the next change
        log.exception("the changed config could not be read")
        return None, []
