"""Wiring: the Discord client, the media loop, the calls and the plugins of one process."""

import asyncio
import contextlib
import gc
import logging
import ssl
from collections.abc import Iterable
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot import language
from bot.books import Books
from bot.call.manager import CallManager
from bot.call.strangers import strangers, told
from bot.command_errors import explained
from bot.command_language import CommandTranslator
from bot.command_sync import CommandSync
from bot.config.keys import ServerKeys, leaves, operators, operators_part, server_keys
from bot.config.load import Config
from bot.config.named import Named
from bot.config.source import Path_, parse
from bot.config.watch import ConfigFile
from bot.errors import ConfigError, PluginError, Refused
from bot.language import in_language, say, spoken
from bot.media.loop import MediaLoop
from bot.network import connector
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Changes
from bot.text import fit
from bot.voice import opus
from bot.voice.handshake import GATEWAY_AWAY

log = logging.getLogger(__name__)


class Parley(commands.AutoShardedBot):
    """The bot. Create it inside a running event loop; it closes its books with itself."""

    def __init__(self, source: ConfigFile, books: Books, catalog: Catalog) -> None:
        config = source.config
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
        self.plugins = PluginHost(self, catalog)
        self.media_loop = MediaLoop(lambda: connector(config.host.network))
        self.calls = CallManager(
            self.media_loop,
            self.plugins.dispatcher,
            books.providers.of_server,
            books.ledger,
            books.opener,
            books.closer,
            config.host.max_calls,
            config.ledger_file,
        )
        self._source = source
        self._reloading = asyncio.Lock()
        self._commands = CommandSync(self.tree, self.plugins)
        self._strangers: set[tuple[int, Named]] = set()  # those the log has, by server
        self._archived: dict[int, discord.Thread] = {}  # by server: the one that its last call wrote into

    def apply(self, config: Config) -> None:
        """Put a changed config in force; calls that are running keep the one they began with."""
        self.config = self.books.config = config
        self.calls.limits.max_calls = config.host.max_calls
        self.books.closer.config_changed()
        self._tell_of_strangers(self.guilds)

    async def change_settings(self, guild_id: int, changes: Changes) -> None:
        """Set keys in a server's own file, or take them out; in force for its next call. ConfigError, and Refused for
        what is the operator's."""

        def check() -> None:
            keys = self._server_keys()
            for path in changes:
                if operators(path, keys):
                    raise Refused(say("`{key}` can be changed by the bot's operator only.", key=".".join(path)))

        await self._source.change(guild_id, changes, check)

    async def replace_settings(self, guild_id: int, text: str) -> None:
        """Put a text in place of a server's own file, but for what is the operator's in it; in force for its next call.
        ConfigError, and Refused when the text says something of what is the operator's."""
        file = self._source.server_file(guild_id)

        def kept() -> dict[Path_, Any]:
            keys = self._server_keys()
            theirs = operators_part(parse(file, self._source.last_text(guild_id)).data, keys)
            absent = {path[:2] for path in theirs if keys.is_of_no_plugin(path)}
            for path, _ in leaves(parse(file, text).data, keys):
                if operators(path, keys) or path[:2] in absent:
                    name = ".".join(path)
                    raise Refused(say("`{key}` can be changed by the bot's operator only. Take it out.", key=name))
            return theirs

        await self._source.replace(guild_id, text, kept)

    def server_text(self, guild_id: int) -> str:
        """A server's own settings file, empty when it has none. ConfigError."""
        return self._source.server_text(guild_id)

    def _server_keys(self) -> ServerKeys:
        return server_keys(self.plugins.catalog.models, self.config.host.locked)

    async def reload_plugin(self, name: str) -> None:
        """A plugin's code and manifest as they are on disk now; PluginError leaves those in force that are."""
        async with self._reloading:
            try:
                reimport = await self.plugins.catalog.reimport(name)
            except PluginError as error:
                raise _not_reloaded(name, error) from error
            async with self._source.changing:
                before = self._source.config
                try:
                    reimport.take()
                    after = await asyncio.to_thread(self._source.check_again)  # against the settings that it has now
                    async with self._commands.changing:
                        old = await self.plugins.swap(name, reimport.plugin)
                except BaseException as error:
                    reimport.undo()
                    if not isinstance(error, ConfigError | PluginError):
                        raise
                    raise _not_reloaded(name, error) from error
                self._apply_with_code(after)
            try:
                await self._commands.sync()  # Discord may take its time, for which no server's settings wait
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                async with self._source.changing:
                    reimport.undo()
                    async with self._commands.changing:
                        await self.plugins.put_back(name, old)
                    try:
                        before = await asyncio.to_thread(self._source.check_again)
                    except ConfigError as wrong:  # it was changed for the new code meanwhile
                        log.error("the config does not fit the older %s: %s", name, wrong)
                    self._apply_with_code(before)
                await self._commands.sync_what_is_taken()  # the old one's may have been refused as well
                raise PluginError(f"{name} was not reloaded, Discord refuses its commands: {error}") from error
            self.plugins.retire(old)
            log.info("plugin %s was reloaded, version %s", name, self.plugins.catalog.found[name].manifest.version)

    def _apply_with_code(self, config: Config) -> None:
        """A config, and the plugins' classes that it was checked against."""
        self.books.providers.use(self.plugins.catalog.classes)
        self._source.config = config
        self.apply(config)

    def tls_context(self) -> ssl.SSLContext:
        """For plugins that open connections of their own."""
        return self.books.tls

    async def sleep(self, seconds: float, /) -> None:
        """As `asyncio.sleep`; plugins wait with it, since in their tests time can be made to pass."""
        await asyncio.sleep(seconds)

    async def explain_error(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        """Tell somebody privately what went wrong with what they asked for, in their language."""
        text = in_language(explained(error), spoken(interaction.locale))
        try:
            if interaction.response.is_done():
                await interaction.followup.send(fit(text), ephemeral=True)
            else:
                await interaction.response.send_message(fit(text), ephemeral=True)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as failure:
            log.warning("the answer to a command could not be delivered: %s", failure)

    def _tell_of_strangers(self, guilds: Iterable[discord.Guild]) -> None:
        """Log what servers' settings name in vain, each once."""
        for guild in guilds:
            for stranger in strangers(guild, self.config):
                if (guild.id, stranger) not in self._strangers:
                    self._strangers.add((guild.id, stranger))
                    log.warning("config: server %d: %s", guild.id, told(stranger))

    async def setup_hook(self) -> None:
        """discord.py calls this once, after login and before the gateway."""
        log.info("%s", opus.version())
        await self.media_loop.start()
        await asyncio.to_thread(language.read_all)
        await self.tree.set_translator(CommandTranslator())
        await self.plugins.start()
        await self._commands.sync_what_is_taken()
        await self.books.ready()
        # What is there now stays: looking through it again and again would hold up the beat of every call. And without
        # it, what calls leave behind is looked at soon.
        gc.collect()
        gc.freeze()

    async def on_ready(self) -> None:
        log.info("ready on %d servers", len(self.guilds))
        self._tell_of_strangers(self.guilds)
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

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        call = self.calls.of_guild(after.guild.id) or self.calls.still_billed(after.guild.id)
        if after.archived and call is not None and call.text_channel_id == after.id:
            self._archived[after.guild.id] = after

    def get_channel(self, channel_id: int, /) -> Any:
        """As discord.py's, which forgets a thread when it is archived: one that a call writes into is known all the
        same, since Discord opens it again for the next message."""
        found = super().get_channel(channel_id)
        closed = (thread for thread in self._archived.values() if thread.id == channel_id)
        return found if found is not None else next(closed, None)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.calls.on_guild_removed(guild)

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.calls.on_gateway([guild.id], connected=False)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.calls.on_gateway([guild.id], connected=True)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        self.calls.on_gateway([guild.id for guild in self._guilds_of(shard_id)], connected=False)

    async def on_shard_resumed(self, shard_id: int) -> None:
        await self._gateway_is_back(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        await self._gateway_is_back(shard_id)

    async def _gateway_is_back(self, shard_id: int) -> None:
        """Calls go on; and a goodbye that could not be said while it was away is said now."""
        guilds = self._guilds_of(shard_id)
        self.calls.on_gateway([guild.id for guild in guilds], connected=True)
        for guild in guilds:
            me = None if self.user is None else guild.get_member(self.user.id)
            if me is not None and me.voice is not None and not self.calls.is_in_voice(guild.id):
                log.warning("server %d: I am in a voice channel without a call, and leave it", guild.id)
                with contextlib.suppress(*GATEWAY_AWAY):
                    await guild.change_voice_state(channel=None)

    async def close(self) -> None:
        """End every call first, then everything else; safe to call twice."""
        if self.is_closed():
            return
        await self.calls.shutdown()
        await self._commands.close()
        await self.plugins.stop()
        await super().close()
        await self.media_loop.stop()
        await self.books.close()

    def _guilds_of(self, shard_id: int) -> list[discord.Guild]:
        return [guild for guild in self.guilds if guild.shard_id == shard_id]


class _CommandTree(app_commands.CommandTree["Parley"]):
    """Turns what goes wrong in a command into one private message with the way out."""

    async def interaction_check(self, interaction: discord.Interaction["Parley"], /) -> bool:
        """Where a plugin is off, its commands are, however they are made."""
        if interaction.guild_id is None or interaction.command is None:
            return True
        off = self.client.plugins.switched_off(interaction.command, interaction.guild_id)
        if off is not None and interaction.type is not discord.InteractionType.autocomplete:  # which takes no words
            raise off
        return off is None

    async def on_error(
        self, interaction: discord.Interaction["Parley"], error: app_commands.AppCommandError, /
    ) -> None:
        # As discord.py's own `on_error` asks: whoever made the command answers in their own words.
        if interaction.command is not None and interaction.command._has_any_error_handlers():
            return
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await self.client.explain_error(interaction, cause)


def _not_reloaded(name: str, error: Exception) -> PluginError:
    return PluginError(f"{name} was not reloaded, the one in place goes on: {error}")
