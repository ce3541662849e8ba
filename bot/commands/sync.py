"""The slash commands as Discord knows them: sent when they have changed, without those of a plugin that it refuses."""

import asyncio
import logging
from typing import Any

from discord import app_commands

from bot.discord_errors import DISCORD_FAILURES
from bot.plugin_host.discovery import OURS, Broken
from bot.plugin_host.host import AppCommand, PluginHost, commands_of

log = logging.getLogger(__name__)

#: Seconds until commands are sent again that Discord did not take.
RETRY_INTERVAL = 60.0


class CommandSync:
    """Keeps one bot's commands registered with Discord."""

    def __init__(self, tree: app_commands.CommandTree[Any], plugins: PluginHost) -> None:
        self._tree = tree
        self._plugins = plugins
        self._known: list[Any] = []  # as Discord has them
        self._later: asyncio.Task[None] | None = None
        #: Held while commands are added to the tree, removed from it, or sent to Discord.
        self.changing = asyncio.Lock()

    async def sync(self) -> None:
        """Register the commands with Discord, unless it knows them; CommandSyncFailure when it takes none of them."""
        async with self.changing:
            await self._sync()

    async def _sync(self) -> None:
        commands = [await self._as_sent(command) for command in self._tree.get_commands()]
        commands.sort(key=lambda command: (command["type"], command["name"]))  # a reload alone changes their order
        if commands == self._known:
            return
        self._known = []  # whatever becomes of this: the answer may be what is lost
        synced = await self._tree.sync()
        self._known = commands
        log.info("commands: %s", ", ".join(f"/{command.name}" for command in synced))

    async def _as_sent(self, command: Any) -> Any:
        """With its names in all languages, which a reload may have changed alone."""
        translator = self._tree.translator
        if translator is None:
            return command.to_dict(self._tree)
        return await command.get_translated_payload(self._tree, translator)

    async def sync_accepted(self) -> None:
        """Register as many commands as Discord takes, at the start of the bot: Discord takes all or none, and one
        plugin's must not keep it from starting. CommandSyncFailure when it refuses our own."""
        try:
            await self._sync_accepted()
        except app_commands.CommandSyncFailure:
            raise
        except DISCORD_FAILURES as error:
            # Discord has trouble, or has had enough of us for now: the commands it knows from before do until then.
            log.error("Discord does not accept the commands now, trying again: %s", error)
            if self._later is None or self._later.done():
                self._later = asyncio.create_task(self._sync_later(), name="commands")

    async def _sync_accepted(self) -> None:
        async with self.changing:
            try:
                await self._sync()
            except app_commands.CommandSyncFailure as error:
                log.error("Discord refuses the commands: %s", error)
                await self._sync_one_by_one()

    async def close(self) -> None:
        """Stop trying to register what failed."""
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)

    async def _sync_later(self) -> None:
        while True:
            await asyncio.sleep(RETRY_INTERVAL)
            try:
                await self._sync_accepted()
                return
            except DISCORD_FAILURES as error:
                log.error("Discord does not accept the commands yet: %s", error)

    async def _sync_one_by_one(self) -> None:
        """Register our commands, then those of each plugin in turn, to find out whose commands are refused."""
        waiting = {name: self._remove(name) for name in self._third_party()}
        try:
            await self._sync()
            for name in list(waiting):
                self._add(waiting.pop(name))
                try:
                    await self._sync()
                except app_commands.CommandSyncFailure as error:
                    self._remove(name)
                    self._break(name, str(error))
        finally:  # whom nobody has refused
            for commands in waiting.values():
                self._add(commands)

    def _add(self, commands: list[AppCommand]) -> None:
        for command in commands:
            self._tree.add_command(command)

    def _third_party(self) -> list[str]:
        """Plugins that are not ours and have commands."""
        catalog, instances = self._plugins.catalog, self._plugins.instances
        return [
            name
            for name, plugin in instances.items()
            if name in catalog.found and catalog.found[name].origin != OURS and commands_of(plugin)
        ]

    def _remove(self, name: str) -> list[AppCommand]:
        """Take a plugin's commands out of the tree; those that were there."""
        commands = [
            command
            for command in commands_of(self._plugins.instances[name])
            if self._tree.get_command(command.name) is command
        ]
        for command in commands:
            self._tree.remove_command(command.name)
        return commands

    def _break(self, name: str, reason: str) -> None:
        log.error("plugin %s goes on without its commands", name)
        self._plugins.catalog.broken.append(Broken(name, f"Discord refuses its commands: {reason}"))
