"""The bot of a played server, as plugins see it: everything that `bot.api.Host` names, with settings in memory."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
from discord.ext import commands

from bot.commands.errors import explain
from bot.config import edit
from bot.config.load import Config, PluginModels, build
from bot.config.source import SERVERS, Texts, assemble
from bot.errors import ConfigError

from .clock import Clock
from .discord_parts import Channel, Guild

if TYPE_CHECKING:
    from bot.plugin_host.host import Mount
    from bot.plugin_host.plugin import Host


class PlayedBot(commands.Bot):
    """Enough of a bot for cogs and their commands; it never connects."""

    calls: Any
    plugins: Any

    def __init__(self, guild: Guild, channels: list[Channel], file: Path, text: str, models: PluginModels) -> None:
        """`text` stands in the config file, which is nowhere on disk; ConfigError."""
        super().__init__(command_prefix=commands.when_mentioned, intents=discord.Intents.none(), help_command=None)
        self.guild = guild
        self.channels = {channel.id: channel for channel in channels}
        self.clock = Clock()
        #: Called by `reload_plugin`.
        self.on_reload: Callable[[], Awaitable[None]] | None = None
        self._file, self._models = file, models
        self._texts: Texts = {file: text}
        self.config: Config = build(assemble(file, self._texts), models)

    async def sleep(self, seconds: float, /) -> None:
        """Sleep as `Host.sleep` does; a test can let the time pass."""
        await self.clock.sleep(seconds)

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS context, as `Host.tls_context` does."""
        return ssl.create_default_context()

    async def is_owner(self, user: Any, /) -> bool:
        """Return whether somebody is the operator; a test says who it is with `owner_id`."""
        return bool(user.id == self.owner_id)

    def get_channel(self, channel_id: int, /) -> Any:
        """Find a channel, as discord.py's client does."""
        return self.channels.get(channel_id)

    def name_of(self, guild_id: int, user_id: int, /) -> str | None:
        """Return somebody's name, as `Host.name_of` does."""
        person = self.guild.get_member(user_id) if guild_id == self.guild.id else None
        return None if person is None else person.display_name

    def get_guild(self, guild_id: int, /) -> Any:
        """Find a server, as discord.py's client does."""
        return self.guild if guild_id == self.guild.id else None

    def server_text(self, guild_id: int) -> str:
        """Return a server's own settings, as `Host.server_text` does."""
        return str(self._texts.get(self._server_file(guild_id), ""))

    async def change_settings(self, guild_id: int, changes: Mapping[tuple[str, ...], Any]) -> None:
        """Change single settings of a server, as `Host.change_settings` does; ConfigError."""
        file = self._server_file(guild_id)
        await self.replace_settings(guild_id, edit.changed(file, self.server_text(guild_id), changes))

    async def replace_settings(self, guild_id: int, text: str) -> None:
        """Replace a server's own settings, as `Host.replace_settings` does; ConfigError."""
        texts = {**self._texts, self._server_file(guild_id): text}
        config = build(assemble(self._file, texts), self._models, self.config)
        if faults := config.faults.get(guild_id):
            raise ConfigError(list(faults))
        self._texts, self.config = texts, config

    async def reload_plugin(self, name: str) -> None:
        """Use the plugin's code as it is on disk now, as `Host.reload_plugin` does; PluginError."""
        if self.on_reload is not None:
            await self.on_reload()

    async def explain_error(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        """Tell somebody what went wrong, as `Host.explain_error` does."""
        await explain(interaction, error)

    def _server_file(self, guild_id: int) -> Path:
        return self._file.parent / SERVERS / f"{guild_id}.yaml"


if TYPE_CHECKING:  # a name that it lacks fails the type check here

    def _as_mount(bot: PlayedBot) -> Mount:
        return bot

    def _as_host(bot: PlayedBot) -> Host:
        return bot
