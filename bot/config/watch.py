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
from .load import Config, PluginModels, settle
from .source import SERVERS, Path_, read_all, read_text, server_files

log = logging.getLogger(__name__)

#: Milliseconds in which changes count as one: editors write a file in several steps.
DEBOUNCE = 300
#: Seconds in which nobody must have written any more before files count as whole.
SECOND_LOOK = 0.7
#: Seconds between two looks where the system does not tell of changes.
POLL = 5
#: What people at Discord read of a mistake that is not in their server's file.
BROKEN_ELSEWHERE = say("the bot's own config file has a mistake just now; its operator can mend it")


class ConfigFile:
    """The files, and the last good config of theirs. Whatever changes it holds `changing` while it does."""

    def __init__(self, file: Path, plugins: PluginModels) -> None:
        """ConfigError when there is no good one to begin with."""
        self.file = file
        self.changing = asyncio.Lock()
        #: Puts a config in force; called in the event loop's thread, once for each that differs.
        self.apply: Callable[[Config], None] = lambda config: None
        self._plugins = plugins
        self._stamp = self._look()
        self.config = settle(read_all(file), plugins)
        _tell_faults(None, self.config)

    def changed(self) -> bool:
        """Whether the files are not those that were read last."""
        return self._look() != self._stamp

    def look(self) -> Config:
        """What the files say now; ConfigError. A server's own file with a mistake leaves that server as it is.

        So does a file that was emptied: editors do that before they write.
        """
        blank = self._blank()
        self._stamp = self._look()
        emptied = self._blank() - blank
        if self.file in emptied:
            raise ConfigError([_is_empty(self.file)])
        source = read_all(self.file)
        for guild_id, own in list(source.own.items()):
            if own.file in emptied:
                del source.own[guild_id]
                source.faults[guild_id] = [_is_empty(own.file)]
        return settle(source, self._plugins, self.config)

    def read(self) -> Config:
        """Read the files and keep what they say; ConfigError leaves the config as it is."""
        after = self.look()
        _tell_faults(self.config, after)
        self.config = after
        return after

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

    async def change(self, guild_id: int, changes: Mapping[Path_, Any]) -> None:
        """Set keys of a server's own file, or take them out. ConfigError leaves file and config as they were."""
        async with self.changing:
            file = self.server_file(guild_id)
            await self._replace(guild_id, lambda: edit.changed(file, self.server_text(guild_id), changes))

    async def replace(self, guild_id: int, text: str) -> None:
        """Put a text in place of a server's own file. ConfigError leaves file and config as they were."""
        async with self.changing:
            await self._replace(guild_id, lambda: text)

    async def _replace(self, guild_id: int, make: Callable[[], str]) -> None:
        before = self.config
        self.put_in_force(before, await asyncio.to_thread(lambda: self._write(guild_id, make())))

    def _write(self, guild_id: int, text: str) -> Config:
        """The config with a server's new file, which is checked before it is there."""
        file = self.server_file(guild_id)
        try:
            after = settle(read_all(self.file, {file: text}), self._plugins, self.config)
        except ConfigError as error:
            raise ConfigError.at(Place(file, 1), BROKEN_ELSEWHERE) from error
        wrong = [
            *after.faults.get(guild_id, ()),
            *(warning for warning in after.warnings if warning.place.file == file),
        ]
        if wrong:
            raise ConfigError(wrong)
        try:
            edit.write(file, text)
        except OSError as error:
            raise ConfigError.at(Place(file, 1), say("cannot be written: {why}", why=error.strerror)) from error
        self._stamp = self._look()
        return after

    def put_in_force(self, before: Config, after: Config) -> bool:
        """A config that was read; whether it differs from the one before. Changes and new faults are logged."""
        self.config = after
        _tell_faults(before, after)
        found = changes(before, after)
        for change in found:
            log.info("config: %s", change)
        for block in needs_restart(before, after):
            log.warning("config: `%s` takes effect at the next start", block)
        if found or before.unusable != after.unusable:
            self.apply(after)
        return bool(found)

    def _blank(self) -> set[Path]:
        """The files in which there was nothing at all when they were last looked at."""
        return {Path(name) for name, _, size in self._stamp if not size}

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for file in (self.file, *server_files(self.file)):
            try:
                status = file.stat()
            except OSError:
                continue
            found.append((str(file), status.st_mtime_ns, status.st_size))
        return tuple(found)


async def watch(source: ConfigFile) -> None:
    """Until cancelled: put every good change in force, log what it changes, and what is wrong with a bad one.

    The folder is watched where the file's name stands, and where it leads: orchestrators change a link.
    """
    folders = {source.file.absolute().parent, source.file.resolve().parent}
    try:
        async for _ in awatch(*folders, debounce=DEBOUNCE, rust_timeout=POLL * 1000, yield_on_timeout=True):
            if source.changed():
                await reload(source)
    except Exception as error:  # no notifications left on this system, or the folder was replaced
        log.warning("config files cannot be watched (%s); I look at them every %d s", error, POLL)
    while True:
        await asyncio.sleep(POLL)
        if source.changed():
            await reload(source)


async def reload(source: ConfigFile) -> bool:
    """Read changed files until nobody writes them any more; whether there is a new config in force."""
    async with source.changing:
        before = source.config
        while True:
            after, problems = await _read(source)
            await asyncio.sleep(SECOND_LOOK)
            if not source.changed():
                break
        for problem in problems:
            log.error("the changed config is not used: %s", problem)
        return after is not None and source.put_in_force(before, after)


async def _read(source: ConfigFile) -> tuple[Config | None, list[Problem]]:
    try:
        return await asyncio.to_thread(source.look), []
    except ConfigError as error:
        return None, error.problems
    except Exception:  # the bot lives on with what it has, and looks again at the next change
        log.exception("the changed config could not be read")
        return None, []


def _is_empty(file: Path) -> Problem:
    return Problem(Place(file, 1), "", say("is empty; write {braces} into it if that is what you want", braces="{}"))


def _tell_faults(before: Config | None, after: Config) -> None:
    """What is wrong with single servers' files, when it is new."""
    for guild_id, problems in after.faults.items():
        if before is None or before.faults.get(guild_id) != problems:
            for problem in problems:
                log.error("not used: %s", problem)
            if guild_id in after.unusable:
                log.error("server %d starts no calls until that is mended", guild_id)
            elif guild_id:
                log.error("server %d keeps its last good settings", guild_id)
    for warning in after.warnings:
        if before is None or warning not in before.warnings:
            log.warning("%s", warning)
