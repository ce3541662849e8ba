"""A config that is read again when its files change; a mistake in them leaves the last good one in force."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from watchfiles import awatch

from bot.errors import ConfigError, Place, Problem
from bot.language import say

from . import edit
from .diff import changes, needs_restart
from .load import Config, PluginModels, check, load
from .source import SERVERS, Path_, read_all, read_text, server_files

log = logging.getLogger(__name__)

#: Milliseconds in which changes count as one: editors write a file in several steps.
DEBOUNCE = 300
#: Seconds in which nobody must have written any more before files count as whole.
SECOND_LOOK = 0.7
#: Seconds between two looks where the system does not tell of changes.
POLL = 5


class ConfigFile:
    """The files, and the last good config of theirs."""

    def __init__(self, file: Path, plugins: PluginModels, config: Config | None = None) -> None:
        """ConfigError when there is no good one to begin with."""
        self.file = file
        self._plugins = plugins
        self._changing = asyncio.Lock()
        self._stamp = self._look()
        self.config = load(file, plugins) if config is None else config

    def changed(self) -> bool:
        """Whether the files are not those that were read last."""
        return self._look() != self._stamp

    @property
    def blank(self) -> bool:
        """Whether there was nothing at all in the config file when it was last looked at."""
        return any(name == str(self.file) and not size for name, _, size in self._stamp)

    def look(self) -> Config:
        """What the files say now; ConfigError."""
        self._stamp = self._look()
        return load(self.file, self._plugins)

    def read(self) -> Config:
        """Read the files and keep what they say; ConfigError leaves the config as it is."""
        self.config = self.look()
        return self.config

    def server_file(self, guild_id: int) -> Path:
        """Where a server's own settings are, or would be."""
        return self.file.parent / SERVERS / f"{guild_id}.yaml"

    def server_text(self, guild_id: int) -> str:
        """A server's own file; empty when there is none. ConfigError when it cannot be read."""
        file = self.server_file(guild_id)
        try:
            return read_text(file) if file.exists() else ""
        except OSError as error:  # it cannot even be asked for
            raise ConfigError.at(Place(file, 1), say("cannot be read: {why}", why=error.strerror)) from error

    async def change(self, guild_id: int, changes: Mapping[Path_, Any]) -> Config:
        """Set keys of a server's own file, or take them out. ConfigError leaves file and config as they were."""
        async with self._changing:
            return await asyncio.to_thread(
                lambda: self._replace(
                    guild_id, edit.changed(self.server_file(guild_id), self.server_text(guild_id), changes)
                )
            )

    async def replace(self, guild_id: int, text: str) -> Config:
        """Put a text in place of a server's own file. ConfigError leaves file and config as they were."""
        async with self._changing:
            return await asyncio.to_thread(self._replace, guild_id, text)

    def _replace(self, guild_id: int, text: str) -> Config:
        file = self.server_file(guild_id)
        check(read_all(self.file, {file: text}), self._plugins)
        try:
            edit.write(file, text)
        except OSError as error:
            raise ConfigError.at(Place(file, 1), say("cannot be written: {why}", why=error.strerror)) from error
        return self.read()

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for file in (self.file, *server_files(self.file)):
            try:
                status = file.stat()
            except OSError:
                continue
            found.append((str(file), status.st_mtime_ns, status.st_size))
        return tuple(found)


async def watch(source: ConfigFile, apply: Callable[[Config], None]) -> None:
    """Until cancelled: hand every good new config to `apply`, log what it changes, and what is wrong with a bad one."""
    folder = source.file.resolve().parent
    try:
        async for _ in awatch(folder, debounce=DEBOUNCE):
            if source.changed():
                await reload(source, apply)
    except Exception as error:  # no notifications left on this system, or the folder was replaced
        log.warning("config files cannot be watched (%s); I look at them every %d s", error, POLL)
    while True:
        await asyncio.sleep(POLL)
        if source.changed():
            await reload(source, apply)


async def reload(source: ConfigFile, apply: Callable[[Config], None]) -> bool:
    """Read changed files until nobody writes them any more; whether there is a new config in force."""
    before, was_blank = source.config, source.blank
    while True:
        after, problems = await _read(source, was_blank)
        await asyncio.sleep(SECOND_LOOK)
        if not source.changed():
            break
    for problem in problems:
        log.error("the changed config is not used: %s", problem)
    if after is None:
        return False
    source.config = after
    found = changes(before, after)
    if not found:
        return False
    for change in found:
        log.info("config: %s", change)
    for block in needs_restart(before, after):
        log.warning("config: `%s` takes effect at the next start", block)
    apply(after)
    return True


async def _read(source: ConfigFile, was_blank: bool) -> tuple[Config | None, list[Problem]]:
    try:
        after = await asyncio.to_thread(source.look)
    except ConfigError as error:
        return None, error.problems
    except Exception:  # the bot lives on with what it has, and looks again at the next change
        log.exception("the changed config could not be read")
        return None, []
    if source.blank and not was_blank:  # editors empty a file before they write it
        return None, [Problem(Place(source.file, 1), "", "is empty; write {} into it if that is what you want")]
    return after, []
