"""The running plugins: one instance each, which is installed, replaced in one step, and unloaded when it is unused.

Needs the running bot; the code itself comes from `catalog`.
"""

import asyncio
import logging
from typing import Any, Protocol

from discord import app_commands
from discord.ext import commands

from bot.config.load import Config
from bot.errors import PluginError
from bot.language import say

from .catalog import Catalog
from .discovery import Broken
from .hooks import HookDispatcher
from .importing import PluginClass
from .plugin import Plugin, SwitchedOff
from .protocols import Calls
from .scope import scoped
from .time_limit import run_with_timeout

log = logging.getLogger(__name__)

AppCommand = app_commands.Command[Any, ..., Any] | app_commands.Group

#: Seconds for `on_load` and for `on_unload`.
LIFECYCLE_TIMEOUT = 10.0


class Mount(Protocol):
    """The running bot, as far as putting plugins in place needs it. It has what `Host` names, too, but for the scope
    that each plugin gets of its own."""

    @property
    def config(self) -> Config:
        """The config that is in force now."""
        ...

    @property
    def calls(self) -> Calls:
        """The calls of the whole bot, on every server."""
        ...

    @property
    def tree(self) -> Any:
        """The slash commands, as discord.py's bot has them."""
        ...

    def get_cog(self, name: str, /) -> commands.Cog | None:
        """Find a cog, as discord.py's bot does."""
        ...

    async def add_cog(self, cog: commands.Cog, /) -> None:
        """Add a cog, as discord.py's bot does."""
        ...

    async def remove_cog(self, name: str, /) -> commands.Cog | None:
        """Remove a cog, as discord.py's bot does."""
        ...

    def remove_listener(self, func: Any, /, name: str = ...) -> None:
        """Remove a listener, as discord.py's bot does."""
        ...


class PluginHost:
    """Owns every instance of a plugin. A call keeps those it began with, also when one of them is replaced
    meanwhile."""

    def __init__(self, host: Mount, catalog: Catalog, *, announced: bool = True) -> None:
        """`announced`: no call begins without a plugin that tells people that they are heard."""
        self.catalog = catalog
        self.instances: dict[str, Plugin[Any]] = {}
        self.dispatcher = HookDispatcher(lambda: self.instances.values(), self._retire_unused, announced=announced)
        self._host = host
        self._retired: set[Plugin[Any]] = set()
        self._unloading: set[asyncio.Task[None]] = set()
        self._memories: dict[str, dict[str, Any]] = {}  # by plugin

    def paused(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin is left alone on a server because it failed too often."""
        return self.dispatcher.paused(guild_id, name)

    def memory(self, name: str) -> dict[str, Any]:
        """Return the dict that all instances of a plugin share, including replaced ones."""
        return self._memories.setdefault(name, {})

    def switched_off(self, command: Any, guild_id: int) -> SwitchedOff | None:
        """Return the refusal of a command whose plugin is off on a server; None where it is on."""
        top = getattr(command, "root_parent", None) or command
        for plugin in self.instances.values():
            if any(top is known for known in commands_of(plugin)) and not plugin.enabled(guild_id):
                return SwitchedOff(say("`{name}` is switched off on this server.", name=plugin.name))
        return None

    async def start(self) -> None:
        """Install every plugin. One that cannot be installed is left out and listed as broken."""
        for name, plugin in self.catalog.classes.items():
            try:
                self.instances[name] = await self._install(plugin)
            except PluginError as error:
                broken = Broken(name, str(error))
                log.error("%s", broken)
                self.catalog.broken.append(broken)

    async def replace(self, name: str, plugin: PluginClass) -> None:
        """Put an instance of new code in place of the one there is; PluginError leaves that one where it was."""
        self.retire(await self.swap(name, plugin))

    async def swap(self, name: str, plugin: PluginClass) -> Plugin[Any] | None:
        """Put an instance of new code in place of the one there is, and return that: `retire` it, or `put_back`.

        The new one is loaded first: the old one's commands answer until its own do. PluginError leaves the old one
        where it was.
        """
        old = self.instances.get(name)
        new = await self._load(plugin)
        if old is not None:
            await self._unmount(old)
        try:
            await self._mount(new)
        except PluginError:
            if old is not None:
                await self._put_back(old)
            raise
        self.instances[name] = new
        self.dispatcher.reset_failures(name)
        self.catalog.broken[:] = [broken for broken in self.catalog.broken if broken.name != name]
        return old

    def retire(self, plugin: Plugin[Any] | None) -> None:
        """Let a replaced instance go with the last call that began with it."""
        if plugin is not None:
            self._retired.add(plugin)
            self._retire_unused()

    async def put_back(self, name: str, old: Plugin[Any] | None) -> None:
        """Undo a `swap`; calls that began with the new instance meanwhile keep it."""
        new = self.instances.pop(name)
        await self._unmount(new)
        if old is not None:
            await self._put_back(old)
            self.instances[name] = old
        else:
            self.catalog.broken.append(Broken(name, "its newest code could not be put in place"))
        self.retire(new)

    async def stop(self) -> None:
        """Unload all plugins; every call must have ended."""
        plugins = [*self.instances.values(), *self._retired]
        self.instances.clear()
        self._retired.clear()
        for plugin in plugins:
            await self._unload(plugin)
        await asyncio.gather(*self._unloading, return_exceptions=True)

    async def _install(self, plugin: PluginClass) -> Plugin[Any]:
        instance = await self._load(plugin)
        await self._mount(instance)
        return instance

    async def _load(self, plugin: PluginClass) -> Plugin[Any]:
        instance: Plugin[Any] | None = None
        try:
            instance = plugin(scoped(self._host, self, plugin))
            await run_with_timeout(LIFECYCLE_TIMEOUT, instance.on_load(), f"plugin {plugin.name}: on_load")
        except (Exception, SystemExit) as error:
            raise await self._failed(plugin, instance, error) from error
        return instance

    async def _mount(self, instance: Plugin[Any]) -> None:
        """Its commands and listeners become the bot's; all of them, or none."""
        try:
            await run_with_timeout(LIFECYCLE_TIMEOUT, self._host.add_cog(instance), f"plugin {instance.name}: commands")
        except (Exception, SystemExit) as error:
            self._sweep(instance)
            raise await self._failed(type(instance), instance, error) from error

    async def _put_back(self, instance: Plugin[Any]) -> None:
        """Add the commands of an instance again that could not be replaced by a new one."""
        try:
            await run_with_timeout(LIFECYCLE_TIMEOUT, self._host.add_cog(instance), f"plugin {instance.name}: commands")
        except (Exception, SystemExit):
            self._sweep(instance)
            log.exception("plugin %s goes on without its commands", instance.name)

    def _sweep(self, instance: Plugin[Any]) -> None:
        """Remove the commands and listeners that discord.py had added before adding the cog failed."""
        for command in commands_of(instance):
            if self._host.tree.get_command(command.name) is command:
                self._host.tree.remove_command(command.name)
        for name, method in instance.get_listeners():
            self._host.remove_listener(method, name)

    async def _failed(self, plugin: PluginClass, instance: Plugin[Any] | None, error: BaseException) -> PluginError:
        log.error("plugin %s could not be started", plugin.name, exc_info=error)
        if instance is not None:
            await self._unload(instance)
        return PluginError(f"{type(error).__name__}: {error}")

    async def _unmount(self, plugin: Plugin[Any]) -> None:
        """Its commands are no longer the bot's, whatever its own `cog_unload` does."""
        if self._host.get_cog(plugin.qualified_name) is not plugin:
            return
        try:
            removing = self._host.remove_cog(plugin.qualified_name)
            await run_with_timeout(LIFECYCLE_TIMEOUT, removing, f"plugin {plugin.name}: cog_unload")
        except (Exception, SystemExit):
            log.exception("plugin %s failed in cog_unload", plugin.name)

    def _retire_unused(self) -> None:
        """Instances that were replaced go when the last call that began with them is over."""
        for plugin in [plugin for plugin in self._retired if not self.dispatcher.uses(plugin)]:
            self._retired.discard(plugin)
            task = asyncio.create_task(self._unload(plugin), name=f"unload {plugin.name}")
            self._unloading.add(task)
            task.add_done_callback(self._unloading.discard)

    async def _unload(self, plugin: Plugin[Any]) -> None:
        try:
            await run_with_timeout(LIFECYCLE_TIMEOUT, plugin.on_unload(), f"plugin {plugin.name}: on_unload")
        except Exception:
            log.exception("plugin %s failed in on_unload", plugin.name)
        await plugin.tasks.close()


def commands_of(plugin: Plugin[Any]) -> list[AppCommand]:
    """Return what a plugin has at the top of the bot's tree of slash commands."""
    group = plugin.app_command
    return [group] if group is not None else list(plugin.get_app_commands())
