"""Reloading a plugin while the bot runs: its code, the settings it is checked against, and its commands, all or none.

    import the new code --> check the config against it --> put the instance in place --> register the commands
          |                        |                               |                              |
          +------------------------+-------------------------------+------------------------------+
                                   fails: everything is as it was before

Servers' settings cannot change from the second step to the third; Discord, which may take its time, holds up nobody.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from bot.commands.sync import CommandSync
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.discord_errors import DISCORD_FAILURES
from bot.errors import ConfigError, PluginError
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Plugin
from bot.plugin_host.providers import Providers
from bot.plugin_host.reimport import Reimport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What was in place before a reload."""

    instance: Plugin[Any] | None
    config: Config


class PluginReloader:
    """Reloads one plugin at a time."""

    def __init__(self, plugins: PluginHost, source: ConfigFile, providers: Providers, commands: CommandSync) -> None:
        self._plugins = plugins
        self._source = source
        self._providers = providers
        self._commands = commands
        self._turn = asyncio.Lock()

    async def reload(self, name: str) -> None:
        """Use a plugin's code and manifest as they are on disk now; PluginError leaves everything as it was."""
        async with self._turn:
            try:
                reimport = await self._plugins.catalog.reimport(name)
                replaced = await self._install(name, reimport)
            except (ConfigError, PluginError) as error:
                raise PluginError(f"{name} was not reloaded, the one in place goes on: {error}") from error
            try:
                await self._commands.sync()
            except DISCORD_FAILURES as error:
                await self._roll_back(name, reimport, replaced)
                raise PluginError(f"{name} was not reloaded, Discord refuses its commands: {error}") from error
            self._plugins.retire(replaced.instance)
            log.info("plugin %s was reloaded, version %s", name, self._plugins.catalog.found[name].manifest.version)

    async def _install(self, name: str, reimport: Reimport) -> _Replaced:
        """Put new code in place that was imported; whatever is raised leaves the old code there."""
        async with self._source.changing:
            before = self._source.config
            try:
                reimport.take()
                config = await asyncio.to_thread(self._source.recheck)  # against the settings that it has now
                async with self._commands.changing:
                    instance = await self._plugins.swap(name, reimport.plugin)
            except BaseException:
                reimport.undo()
                raise
            self._use(config)
            return _Replaced(instance, before)

    async def _roll_back(self, name: str, reimport: Reimport, replaced: _Replaced) -> None:
        """Put back what was there before `_install`."""
        async with self._source.changing:
            reimport.undo()
            async with self._commands.changing:
                await self._plugins.put_back(name, replaced.instance)
            try:
                config = await asyncio.to_thread(self._source.recheck)
            except ConfigError as error:  # it was changed for the new code meanwhile
                log.error("the config does not fit the older %s: %s", name, error)
                config = replaced.config
            self._use(config)
        await self._commands.sync_accepted()  # the old one's may have been refused as well

    def _use(self, config: Config) -> None:
        """Put a config in force together with the plugins' classes that it was checked against."""
        self._providers.use(self._plugins.catalog.classes)
        self._source.use(config)
