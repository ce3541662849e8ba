"""Wiring: the Discord client, the media loop, the calls and the plugins of one process."""

import importlib
import logging
import ssl
from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.books import Books
from bot.call.manager import CallManager
from bot.config.load import Config
from bot.config.model import PluginSettings
from bot.errors import ParleyError
from bot.media.loop import MediaLoop
from bot.network import connector, tls_context
from bot.plugin_host.hooks import HookDispatcher
from bot.plugin_host.plugin import Plugin, SwitchedOff
from bot.voice import opus

log = logging.getLogger(__name__)

BUILT_IN = ("plugins.valsea", "plugins.voicebot", "plugins.transcript", "plugins.images")


def plugin_classes(extensions: Sequence[str] = BUILT_IN) -> dict[str, type[Plugin[Any]]]:
    """Every plugin's class, by name, without starting anything."""
    classes: dict[str, type[Plugin[Any]]] = {}
    for extension in extensions:
        plugin: type[Plugin[Any]] = importlib.import_module(extension).PLUGIN
        classes[plugin.name] = plugin
    return classes


def plugin_models(extensions: Sequence[str] = BUILT_IN) -> dict[str, type[PluginSettings]]:
    """The settings model of every plugin, by name."""
    return {name: plugin.Settings for name, plugin in plugin_classes(extensions).items()}


class Parley(commands.AutoShardedBot):
    """The bot. Create it inside a running event loop; it closes its books with itself."""

    def __init__(self, config: Config, books: Books, extensions: Sequence[str] = BUILT_IN) -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        intents.voice_states = True
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            connector=connector(config.host.network),
            tree_cls=_CommandTree,
            guild_ready_timeout=1.0,  # seconds between two servers at the start; only receipts wait for the last
        )
        self.config = config
        self.books = books
        self.media_loop = MediaLoop(lambda: connector(config.host.network))
        self.calls = CallManager(
            self.media_loop,
            HookDispatcher(self._plugins),
            books.providers.of_server,
            books.ledger,
            books.opener,
            books.closer,
            config.host.max_calls,
        )
        self._extensions = extensions

    def apply(self, config: Config) -> None:
        """Put a changed config in force; calls that are running keep the one they began with."""
        self.config = self.books.config = config
        self.calls.limits.max_calls = config.host.max_calls
        self.books.closer.config_changed()

    def tls_context(self) -> ssl.SSLContext:
        """For plugins that open connections of their own."""
        return tls_context(self.config.host.network)

    async def setup_hook(self) -> None:
        """discord.py calls this once, after login and before the gateway."""
        log.info("%s", opus.version())
        await self.media_loop.start()
        for extension in self._extensions:
            await self.load_extension(extension)
        synced = await self.tree.sync()
        log.info("commands: %s", ", ".join(f"/{command.name}" for command in synced))

    async def on_ready(self) -> None:
        log.info("ready on %d servers", len(self.guilds))
        self.calls.give_receipts()

    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        self.calls.on_voice_state(member, before, after)

    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        self.calls.on_permissions(after.guild)

    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        self.calls.on_permissions(after.guild)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        self.calls.on_permissions(role.guild)

    async def on_member_update(self, _: discord.Member, after: discord.Member) -> None:
        if after == after.guild.me:  # Discord tells of nobody else without the intent for members
            self.calls.on_permissions(after.guild)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self.calls.on_channel_deleted(channel)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.calls.on_guild_removed(guild)

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.calls.on_gateway([guild.id], connected=False)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.calls.on_gateway([guild.id], connected=True)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        self.calls.on_gateway(self._guilds_of(shard_id), connected=False)

    async def on_shard_resumed(self, shard_id: int) -> None:
        self.calls.on_gateway(self._guilds_of(shard_id), connected=True)

    async def on_shard_ready(self, shard_id: int) -> None:
        self.calls.on_gateway(self._guilds_of(shard_id), connected=True)

    async def close(self) -> None:
        """End every call first, then everything else; safe to call twice."""
        if self.is_closed():
            return
        await self.calls.shutdown()
        await super().close()
        await self.media_loop.stop()
        await self.books.close()

    def _guilds_of(self, shard_id: int) -> list[int]:
        return [guild.id for guild in self.guilds if guild.shard_id == shard_id]

    def _plugins(self) -> list[Plugin[Any]]:
        return [cog for cog in self.cogs.values() if isinstance(cog, Plugin)]


class _CommandTree(app_commands.CommandTree["Parley"]):
    """Turns what goes wrong in a command into one private message with the way out."""

    async def on_error(
        self, interaction: discord.Interaction["Parley"], error: app_commands.AppCommandError, /
    ) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if isinstance(cause, ParleyError):
            text = cause.for_user
        elif isinstance(cause, SwitchedOff):
            text = str(cause)
        elif isinstance(cause, app_commands.CheckFailure):
            text = "You may not use this command here."
        else:
            log.error("command failed", exc_info=cause)
            text = "Something went wrong inside the bot. Its operator's log says what."
        try:
            if interaction.response.is_done():
                await interaction.followup.send(text, ephemeral=True)
            else:
                await interaction.response.send_message(text, ephemeral=True)
        except discord.HTTPException as failure:
            log.warning("the answer to a command could not be delivered: %s", failure.code)
