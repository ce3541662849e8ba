"""The config files and the config in force, which is the last good one even if the files have a mistake now.

                       a mistake in the config file: ConfigError, everything stays in force
                     /
    files changed --+--- a mistake in a server's own file: that server keeps what it had, the others change
                     \
                       none: all of it is in force, and `on_change` is called

What an admin changes from Discord takes the same way, and is written only when it has no mistake.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bot.errors import ConfigError, Place, Problem
from bot.language import say

from . import edit
from .diff import changes, needs_restart
from .load import Config, PluginModels, build
from .source import SERVERS, KeyPath, Source, Texts, assemble, parse, read_text, read_texts, server_files

log = logging.getLogger(__name__)

#: Times a change is made anew when somebody else writes the same file.
MAX_ATTEMPTS = 3
#: What people at Discord read of a mistake that is not in their server's file.
BROKEN_ELSEWHERE = say("the bot's own config file has a mistake just now; its operator can fix it")


class ConfigFile:
    """Owns the config in force. Hold `changing` while changing it."""

    def __init__(self, file: Path, plugins: PluginModels) -> None:
        """Read the files; ConfigError when there is no good config to begin with."""
        self.file = file
        self.changing = asyncio.Lock()
        #: Called in the event loop's thread when another config is in force.
        self.on_change: Callable[[Config], None] = lambda config: None
        self._plugins = plugins
        self._stamps = self._stamp_files()
        self._texts: Texts = {}  # those that were read last; a change from Discord is laid over them
        self._filled: set[Path] = set()
        self._good: dict[Path, str] = {}  # the last texts of servers' files that were YAML
        texts = read_texts(file)
        source = assemble(file, texts)
        self.config = build(source, plugins)
        self._remember(texts, source)
        _log_faults(None, self.config)

    def is_outdated(self) -> bool:
        """Return whether the files have changed since they were read last."""
        return self._stamp_files() != self._stamps

    def read(self) -> Config:
        """Read what the files say now, and put nothing in force; ConfigError. A server's own file with a mistake leaves
        that server as it is.

        So does a file that was emptied: editors do that before they write. It counts again when it has content, or is
        gone.
        """
        self._stamps = self._stamp_files()  # before the files are read: what is written meanwhile is looked at again
        texts = read_texts(self.file)
        for file in self._filled & texts.keys():
            if texts[file] == "":
                texts[file] = ConfigError([_is_empty(file)])
        source = assemble(self.file, texts)
        config = build(source, self._plugins, self.config)
        self._remember(texts, source)
        return config

    def recheck(self) -> Config:
        """Check what was read last against plugins whose settings have changed; ConfigError."""
        return build(assemble(self.file, self._texts), self._plugins, self.config)

    def refresh(self) -> None:
        """Read the files and put in force what they say; ConfigError leaves the config as it is."""
        after = self.read()
        _log_faults(self.config, after)
        self.use(after)

    def use(self, config: Config) -> None:
        """Put a config in force."""
        self.config = config
        self.on_change(config)

    def server_file(self, guild_id: int) -> Path:
        """Return the path of a server's own file, whether it exists or not."""
        return self.file.parent / SERVERS / f"{guild_id}.yaml"

    def server_text(self, guild_id: int) -> str:
        """Return a server's own file; empty when there is none. ConfigError when it cannot be read."""
        file = self.server_file(guild_id)
        try:
            return read_text(file) if file.exists() else ""
        except OSError as error:  # it cannot even be asked for
            raise ConfigError.at(Place(file, 1), say("cannot be read: {why}", why=error.strerror)) from error

    def last_text(self, guild_id: int) -> str:
        """Return the text of a server's own file or, while that is empty or not YAML, its last good text. ConfigError
        when there is neither."""
        file = self.server_file(guild_id)
        try:
            text = self.server_text(guild_id)
            if text or file not in self._filled:
                parse(file, text)
                return text
        except ConfigError:
            if file not in self._good:
                raise
        return self._good.get(file, "")

    async def change(
        self, guild_id: int, changes: Mapping[KeyPath, Any], check: Callable[[], None] = lambda: None
    ) -> None:
        """Set keys of a server's own file, or take them out. ConfigError leaves file and config as they were.

        `check` raises when that may not be; it is asked of the config that is in force at the moment of the change.
        """
        file = self.server_file(guild_id)

        def make() -> str:
            check()
            text = self.server_text(guild_id)
            if not text and file in self._filled:  # what was in it is in force still, and would be gone
                raise ConfigError([_is_empty(file)])
            return edit.changed(file, text, changes)

        await self._replace(guild_id, make)

    async def replace(
        self, guild_id: int, text: str, kept: Callable[[], Mapping[KeyPath, Any]] = dict[KeyPath, Any]
    ) -> None:
        """Put a text in place of a server's own file. ConfigError leaves file and config as they were.

        `kept` gives what stays of the file as it is at the moment of the change, or raises when that may not be.
        """

        def make() -> str:
            staying = kept()
            return edit.changed(self.server_file(guild_id), text, staying) if staying else text

        await self._replace(guild_id, make)

    async def _replace(self, guild_id: int, make: Callable[[], str]) -> None:
        """Whoever gives up waiting does not keep what was written from being in force."""
        await asyncio.shield(asyncio.create_task(self._write_and_use(guild_id, make), name="settings"))

    async def _write_and_use(self, guild_id: int, make: Callable[[], str]) -> None:
        async with self.changing:
            before = self.config
            self.put_in_force(before, await asyncio.to_thread(self._write, guild_id, make))

    def _write(self, guild_id: int, make: Callable[[], str]) -> Config:
        """Write a server's new file. What somebody else wrote meanwhile is not written over: it is read again."""
        file = self.server_file(guild_id)
        for _ in range(MAX_ATTEMPTS):
            seen = _stamps([file])
            text = make()
            texts, source, after = self._checked(guild_id, text)
            if _stamps([file]) == seen:
                break
        else:
            raise ConfigError.at(Place(file, 1), say("somebody else is writing this file just now; try again"))
        try:
            self._stamps[file] = edit.write(file, text)
        except OSError as error:
            raise ConfigError.at(Place(file, 1), say("cannot be written: {why}", why=error.strerror)) from error
        self._filled.discard(file)  # whoever emptied it so has meant it
        self._remember(texts, source)
        return after

    def _checked(self, guild_id: int, text: str) -> tuple[Texts, Source, Config]:
        """Build the config with a server's new file, before it is there.

        The other files are used as they were last read, since an editor may be in the middle of writing one.
        """
        file = self.server_file(guild_id)
        texts = {**self._texts, file: text}
        try:
            source = assemble(self.file, texts)
            after = build(source, self._plugins, self.config)
        except ConfigError as error:
            raise ConfigError.at(Place(file, 1), BROKEN_ELSEWHERE) from error
        known = {warning.key for warning in self.config.warnings}
        new = [warning for warning in after.warnings if warning.place.file == file and warning.key not in known]
        if wrong := [*after.faults.get(guild_id, ()), *new]:
            raise ConfigError(wrong)
        return texts, source, after

    def _remember(self, texts: Texts, source: Source) -> None:
        """Keep what was read last, for the next time."""
        filled = {file for file, text in texts.items() if isinstance(text, str) and text}
        good = {self.server_file(guild_id) for guild_id in source.own}
        new = {file: text for file, text in texts.items() if isinstance(text, str) and file in good}
        kept = {file: text for file, text in self._good.items() if file in texts}
        self._texts, self._good = texts, {**kept, **new}
        self._filled = filled | (self._filled & texts.keys())

    def put_in_force(self, before: Config, after: Config) -> bool:
        """Put in force a config that was read; whether it differs from the one before. Changes and new faults are
        logged."""
        _log_faults(before, after)
        found = changes(before, after)
        for change in found:
            log.info("config: %s", change)
        for block in needs_restart(before, after):
            log.warning("config: `%s` takes effect at the next start", block)
        if found or (before.unusable, before.faults) != (after.unusable, after.faults):
            self.use(after)
        else:
            self.config = after
        return bool(found)

    def _stamp_files(self) -> "dict[Path, tuple[int, int]]":
        return _stamps([self.file, *server_files(self.file)])


def _stamps(files: Iterable[Path]) -> "dict[Path, tuple[int, int]]":
    """When each was written last, and how long it is; none for those that are not there."""
    found = {}
    for file in files:
        with contextlib.suppress(OSError):
            status = file.stat()
            found[file] = status.st_mtime_ns, status.st_size
    return found


def _is_empty(file: Path) -> Problem:
    return Problem(Place(file, 1), "", say("is empty; write {braces} into it if that is what you want", braces="{}"))


def _log_faults(before: Config | None, after: Config) -> None:
    """Log what is wrong with single servers' files, when it is new."""
    for guild_id, problems in after.faults.items():
        if before is None or before.faults.get(guild_id) != problems:
            for problem in problems:
                log.error("not used: %s", problem)
            if guild_id in after.unusable:
                log.error("server %d cannot start calls until this is fixed", guild_id)
            elif guild_id:
                log.error("server %d keeps its last good settings", guild_id)
    for warning in after.warnings:
        if before is None or warning not in before.warnings:
            log.warning("%s", warning)
