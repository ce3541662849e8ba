"""The slash commands as Discord knows them: sent when they have changed, without those of a plugin that it refuses."""

import logging
from typing import Any

from discord import app_commands

from bot.plugin_host.discovery import OURS, Broken
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Plugin

log = logging.getLogger(__name__)

_Command = app_commands.Command[Any, ..., Any] | app_commands.Group


class CommandSync:
    """One bot's."""

    def __init__(self, tree: app_commands.CommandTree[Any], plugins: PluginHost) -> None:
        self._tree = tree
        self._plugins = plugins
        self._known: list[Any] = []  # as Discord has them

    async def sync(self) -> None:
        """Tell Discord of the commands, unless it knows them; CommandSyncFailure when it takes none of them."""
        commands = [command.to_dict(self._tree) for command in self._tree.get_commands()]
        if commands == self._known:
            return
        synced = await self._tree.sync()
        self._known = commands
        log.info("commands: %s", ", ".join(f"/{command.name}" for command in synced))

    async def sync_what_is_taken(self) -> None:
        """The same for the start of the bot: Discord takes all commands or none, and one plugin's must not keep it from
        starting. CommandSyncFailure when it refuses our own."""
        try:
            await self.sync()
        except app_commands.CommandSyncFailure as error:
            log.error("Discord refuses the commands: %s", error)
            if not await self._sync_without_one(str(error)):
                await self._sync_without_any(str(error))

    async def _sync_without_one(self, reason: str) -> bool:
        """Whether one of the plugins is the culprit, and the others' commands are there now."""
        for name in self._guests():
            removed = self._remove(name)
            try:
                await self.sync()
            except app_commands.CommandSyncFailure:
                for command in removed:
                    self._tree.add_command(command)
            else:
                self._break(name, reason)
                return True
        return False

    async def _sync_without_any(self, reason: str) -> None:
        for name in self._guests():
            self._remove(name)
            self._break(name, reason)
        await self.sync()

    def _guests(self) -> list[str]:
        """Plugins that are not ours and have commands."""
        catalog, instances = self._plugins.catalog, self._plugins.instances
        return [
            name
            for name, plugin in instances.items()
            if name in catalog.found and catalog.found[name].origin != OURS and _commands_of(plugin)
        ]

    def _remove(self, name: str) -> list[_Command]:
        commands = _commands_of(self._plugins.instances[name])
        for command in commands:
            self._tree.remove_command(command.name)
        return commands

    def _break(self, name: str, reason: str) -> None:
        log.error("plugin %s goes on without its commands", name)
        self._plugins.catalog.broken.append(Broken(name, f"Discord refuses its commands: {reason}"))


def _commands_of(plugin: Plugin[Any]) -> list[_Command]:
    """What a plugin has at the top of the tree."""
    group = plugin.app_command
    return [group] if group is not None else list(plugin.get_app_commands())
