"""Wiring: the Discord client, the media loop, the calls and the plugins of one process."""

import asyncio
import contextlib
import gc
import logging
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import discord
from discord.ext import commands

from bot import language
from bot.access.missing_ids import describe_missing, missing_ids
from bot.billing_services import BillingServices
from bot.call.connection.media import MediaEngine, ReadPacket
from bot.call.flight_records import FlightRecords
from bot.call.manager import CallManager
from bot.call.services import CallServices
from bot.commands.errors import explain
from bot.commands.language import CommandTranslator
from bot.commands.sync import CommandSync
from bot.commands.tree import CommandTree
from bot.config.admin import AdminSettings
from bot.config.config_file import ConfigFile
from bot.config.discord_ids import DiscordId
from bot.config.load import Config
from bot.discord_errors import DISCORD_FAILURES
from bot.logins import MIN_PAUSE, LoginPace
from bot.media.events import MediaEvent
from bot.media.loop import MediaLoop
from bot.media.session import MediaSession
from bot.media.settings import SoundSettings
from bot.names import Names
from bot.network import connector
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Changes
from bot.plugin_reload import PluginReloader
from bot.recorder.recorder import Recorder
from bot.text import redact
from bot.voice import opus
from bot.voice.handshake import GATEWAY_AWAY

log = logging.getLogger(__name__)

#: Seconds to wait for a new day's logins, whatever Discord says of it.
MAX_LOGIN_WAIT = 86_400.0
#: Servers that are listed in the log at the start.
MAX_LISTED = 100


class Parley(commands.AutoShardedBot):
    """The bot. Create it inside a running event loop; it closes its billing services with itself."""

    def __init__(
        self, source: ConfigFile, billing: BillingServices, catalog: Catalog, records: FlightRecords | None = None
    ) -> None:
        host = source.config.host  # what takes effect at the start is as it is now
        intents = discord.Intents.none()
        intents.guilds = True
        intents.voice_states = True
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            connector=connector(host.network),
            proxy=host.network.proxy,
            tree_cls=CommandTree,
            enable_debug_events=True,  # voice states carry people's names, and discord.py leaves them aside
            guild_ready_timeout=1.0,  # seconds between two servers at the start; only receipts wait for the last
        )
        self.billing = billing
        self.plugins = PluginHost(self, catalog)
        self.media_loop = MediaLoop(lambda: connector(host.network), host.network.proxy)
        self.media_engine = MediaEngine(self.media_loop, self._new_media_session)
        self._records = records or FlightRecords(None)
        self.calls = CallManager(
            CallServices(
                self.media_engine,
                self.plugins.dispatcher,
                billing.opener,
                billing.closer,
                self._records.begin,
            ),
            billing.providers.of_server,
            billing.ledger,
            host.max_calls,
            source.config.ledger_file,
        )
        self._logins = LoginPace()
        self.names = Names()
        self._source = source
        self._admin_settings = AdminSettings(source, catalog.models)
        self._commands = CommandSync(self.tree, self.plugins)
        self._reloader = PluginReloader(self.plugins, source, billing.providers, self._commands)
        self._reported_ids: set[tuple[int, DiscordId]] = set()  # those the log has, by server
        self._archived: dict[int, discord.Thread] = {}  # by server: the one that its last call wrote into

    def _new_media_session(
        self, sound: SoundSettings, read: ReadPacket, post: Callable[[MediaEvent], None], recorder: Recorder
    ) -> MediaSession:
        return MediaSession(self.media_loop, sound, read_packet=read, post=post, recorder=recorder)

    @property
    def config(self) -> Config:
        """The config in force; calls that are running keep the one they began with."""
        return self._source.config

    def on_config_change(self) -> None:
        """Apply what takes effect at once when another config is in force."""
        self.calls.limits.max_calls = self.config.host.max_calls
        self.billing.closer.config_changed()
        self._warn_of_missing_ids(self.guilds)

    async def change_settings(self, guild_id: int, changes: Changes) -> None:
        """Change single settings of a server; see `AdminSettings.change`."""
        await self._admin_settings.change(guild_id, changes)

    async def replace_settings(self, guild_id: int, text: str) -> None:
        """Put a text in place of a server's own file; see `AdminSettings.replace`."""
        await self._admin_settings.replace(guild_id, text)

    def server_text(self, guild_id: int) -> str:
        """Return a server's own settings file, which is empty when it has none; ConfigError."""
        return self._admin_settings.text(guild_id)

    async def reload_plugin(self, name: str) -> None:
        """Use a plugin's code and manifest as they are on disk now; PluginError leaves everything as it was."""
        await self._reloader.reload(name)

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS context for plugins that open connections of their own."""
        return self.billing.network.tls

    async def sleep(self, seconds: float, /) -> None:
        """Sleep as `asyncio.sleep` does; plugins wait with it, since their tests have a clock of their own."""
        await asyncio.sleep(seconds)

    async def explain_error(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        """Tell somebody privately what went wrong with what they asked for, in their language."""
        await explain(interaction, error)

    def _warn_of_missing_ids(self, guilds: Iterable[discord.Guild]) -> None:
        """Log ids in servers' settings that do not exist, once each."""
        for guild in guilds:
            try:
                for one in missing_ids(guild, self.config):
                    if (guild.id, one) not in self._reported_ids:
                        self._reported_ids.add((guild.id, one))
                        log.warning("config: server %d: %s", guild.id, describe_missing(one))
            except Exception:  # one server's settings are no other's trouble
                log.exception("config: server %d: its settings could not be checked", guild.id)

    async def setup_hook(self) -> None:
        """Start everything that needs no gateway; discord.py calls this once, after the login."""
        log.info("%s", opus.version())
        await self.media_loop.start()
        await asyncio.to_thread(language.read_all)
        await self.tree.set_translator(CommandTranslator())
        await self.plugins.start()
        await self._commands.sync_accepted()
        await self.billing.ready()
        await self._await_logins()
        # What is there now stays: looking through it again and again would hold up the beat of every call. And without
        # it, what calls leave behind is looked at soon.
        gc.collect()
        gc.freeze()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait before a login until Discord can be asked for one; discord.py calls this before each."""
        loop = asyncio.get_running_loop()
        pause = self._logins.pause(loop.time(), self.shard_count or 1, initial=initial)
        if pause > MIN_PAUSE:
            log.error("Discord refuses the bot's sessions again and again; the next login is in %.0f s", pause)
        await asyncio.sleep(pause)
        if pause > MIN_PAUSE:
            await self._await_logins()

    async def _await_logins(self) -> None:
        """Wait while Discord allows no more logins today: one beyond them costs the token."""
        try:
            limits = await self.fetch_session_start_limits()
        except DISCORD_FAILURES as error:
            log.warning("could not ask Discord how many logins are left: %s", error)
            return
        if limits.remaining < 1:
            wait = min(max(limits.reset_after / 1000, 0.0), MAX_LOGIN_WAIT)
            log.error("Discord allows no more logins today; waiting %.0f minutes for new ones", wait / 60)
            await asyncio.sleep(wait)

    async def on_ready(self) -> None:
        """Log where the bot is, and give the receipts that are still due."""
        log.info("ready on %d servers", len(self.guilds))
        for guild in self.guilds[:MAX_LISTED]:
            log.info("server %d: %s%s", guild.id, redact(guild.name), "" if self.serves(guild.id) else " (not allowed)")
        self._warn_of_missing_ids(self.guilds)
        self.calls.give_receipts()

    def serves(self, guild_id: int) -> bool:
        """Return whether people of a server may start calls, by the operator's settings."""
        allowed = self.config.host.servers_allowed
        return allowed is None or guild_id in allowed

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Log an invitation, and whether calls may begin there."""
        known = "" if self.serves(guild.id) else "; `servers_allowed` does not name it, so it starts no calls"
        log.info("invited to server %d: %s%s", guild.id, redact(guild.name), known)

    async def on_socket_raw_receive(self, message: str) -> None:
        """Learn display names from what the gateway sends anyway."""
        self.names.learn_from_gateway(message)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Learn the display name of a person who uses a command."""
        if interaction.guild_id is not None:
            self.names.learn(interaction.guild_id, interaction.user.id, interaction.user.display_name)

    def name_of(self, guild_id: int, user_id: int) -> str | None:
        """Return what somebody is called on a server; None when they are not known."""
        guild = self.get_guild(guild_id)
        member = None if guild is None else guild.get_member(user_id)
        return self.names.of(guild_id, user_id) or (None if member is None else member.display_name)

    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Tell the calls who joins, leaves or moves."""
        self.calls.on_voice_state(member, before, after)

    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """Look at the call's permissions again."""
        self.calls.on_permissions(after.guild)

    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        """Look at the call's permissions again."""
        self.calls.on_permissions(after.guild)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Look at the call's permissions again."""
        self.calls.on_permissions(role.guild)

    async def on_member_update(self, _: discord.Member, after: discord.Member) -> None:
        """Look at the call's permissions again when the bot itself has changed."""
        if after == after.guild.me:  # Discord tells of nobody else without the intent for members
            self.calls.on_permissions(after.guild)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Tell the calls that a channel is gone."""
        self.calls.on_channel_deleted(channel)

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        """Reopen a thread that was archived while a call writes into it."""
        call = self.calls.of_guild(after.guild.id) or self.calls.still_billed(after.guild.id)
        if call is not None and call.text_channel_id == after.id:
            if after.archived:
                self._archived[after.guild.id] = after
            self.calls.on_permissions(after.guild)  # it may have been locked

    def get_channel(self, channel_id: int, /) -> Any:
        """Find a channel as discord.py does, or an archived thread that a call writes into: discord.py forgets archived
        threads, but Discord reopens one for the next message."""
        found = super().get_channel(channel_id)
        closed = (thread for thread in self._archived.values() if thread.id == channel_id)
        return found if found is not None else next(closed, None)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Tell the calls that the bot was removed from a server."""
        self.calls.on_guild_removed(guild)

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """Tell the calls that nothing is heard of a server for now."""
        self.calls.on_gateway([guild.id], connected=False)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Tell the calls that a server is back."""
        self.calls.on_gateway([guild.id], connected=True)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """Tell the calls of a shard's servers that its connection is lost."""
        self.calls.on_gateway([guild.id for guild in self._guilds_of(shard_id)], connected=False)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Tell the calls that a shard's servers are back."""
        await self._gateway_is_back(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        """Tell the calls that a shard's servers are back."""
        await self._gateway_is_back(shard_id)

    async def _gateway_is_back(self, shard_id: int) -> None:
        """Tell the calls that the gateway is back, and leave voice channels that have no call."""
        guilds = self._guilds_of(shard_id)
        self.calls.on_gateway([guild.id for guild in guilds], connected=True)
        for guild in guilds:
            me = None if self.user is None else guild.get_member(self.user.id)
            if me is not None and me.voice is not None and not self.calls.is_in_voice(guild.id):
                if await self.calls.knows_of(guild.id):
                    log.warning("server %d: the bot is in a voice channel without a call, and leaves it", guild.id)
                    with contextlib.suppress(*GATEWAY_AWAY):
                        await guild.change_voice_state(channel=None)
                else:
                    log.warning(
                        "server %d: this bot is in a voice channel, and no call that this process knows of is there; "
                        "if it stays, another process runs with the same token",
                        guild.id,
                    )

    async def close(self) -> None:
        """End every call first, then everything else; safe to call twice."""
        if self.is_closed():
            return
        await self.calls.shutdown()
        await self._commands.close()
        await self.plugins.stop()
        await super().close()
        await self.media_loop.stop()
        await self.billing.close()
        await asyncio.to_thread(self._records.close)

    def _guilds_of(self, shard_id: int) -> list[discord.Guild]:
        return [guild for guild in self.guilds if guild.shard_id == shard_id]
