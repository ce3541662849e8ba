"""The base of every plugin: a discord.py cog that also has typed settings, per-server enablement and call hooks.

A plugin is a package with `PLUGIN = ItsClass`, derived from `Plugin`; the host makes the instance. Same process, same
trust as the bot: hooks are guarded against bugs, not against malice.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import discord
from discord import app_commands
from discord.ext import commands

from bot.config.load import Config
from bot.config.model import PluginSettings
from bot.language import ENGLISH, spoken
from bot.network import Network
from bot.provider import Account, Provider, ShownImage

from .tasks import OwnedTasks

if TYPE_CHECKING:  # the watchdog loads providers, and none of what calls are made of
    from bot.billing.receipt import Receipt
    from bot.call.events import TranscriptLine
    from bot.recorder.contract import Assumption

    from .protocols import Call, Calls, Plugins

S = TypeVar("S", bound=PluginSettings)

#: A path below a server's block -> its new value, or `bot.config.edit.ABSENT`.
Changes = Mapping[tuple[str, ...], Any]
#: Settings, the way out, and the account to use where it is not the one in the settings -> a client.
Connect = Callable[[Any, Network, Account | None], Provider]


class Host(Protocol):
    """What the bot offers its plugins."""

    @property
    def config(self) -> Config:
        """The config in force; a call keeps the one that it began with."""
        ...

    @property
    def calls(self) -> "Calls":
        """The calls of this bot, by server."""
        ...

    @property
    def plugins(self) -> "Plugins":
        """The plugins that the bot has found."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Sleep as `asyncio.sleep` does; played servers have a clock of their own."""
        ...

    def get_channel(self, channel_id: int, /) -> Any:
        """Find a channel, as discord.py's client does."""
        ...

    def name_of(self, guild_id: int, user_id: int, /) -> str | None:
        """Return what somebody is called on a server; None when they are not known."""
        ...

    def get_guild(self, guild_id: int, /) -> discord.Guild | None:
        """Find a server, as discord.py's client does."""
        ...

    def server_text(self, guild_id: int) -> str:
        """Return a server's own file as it stands; empty when there is none."""
        ...

    async def change_settings(self, guild_id: int, changes: "Changes") -> None:
        """Change single settings in a server's own file (ConfigError)."""
        ...

    async def replace_settings(self, guild_id: int, text: str) -> None:
        """Put a whole text in the place of a server's own file (ConfigError)."""
        ...

    async def reload_plugin(self, name: str) -> None:
        """Replace a plugin by its newest code (PluginError)."""
        ...

    def add_view(self, view: discord.ui.View, /) -> None:
        """Add a persistent view, as discord.py's client does."""
        ...

    async def explain_error(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        """Tell somebody what went wrong with what they asked for."""
        ...

    async def is_owner(self, user: discord.abc.User, /) -> bool:
        """Return whether somebody owns the application at Discord."""
        ...

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS context for connections that plugins make themselves."""
        ...


class CommandRefused(app_commands.CheckFailure):
    """Raised in a check of commands that says no; the message is for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.for_user = message


class SwitchedOff(CommandRefused):
    """A command of a plugin that is off."""


class Plugin(commands.Cog, Generic[S]):
    """Derive, set `name` and `Settings`, and override the hooks you need.

    Hooks are called for servers where the plugin is enabled, one after the other per call, each with a time limit.
    """

    #: The plugin's name in config files, and in its `plugin.yaml`.
    name: ClassVar[str]
    Settings: ClassVar[type[PluginSettings]] = PluginSettings
    #: Whether it is never paused after failures, since people would not be told that they are heard.
    vital: ClassVar[bool] = False
    #: Whether it tells people that they are heard. No call begins on a server where no such plugin is on.
    announces: ClassVar[bool] = False
    #: Set by a plugin that is a voicebot provider; it is called without a bot around, too.
    connect: ClassVar[Connect | None] = None
    #: What a provider takes for granted of its service, to be held against flight records.
    assumptions: ClassVar["Sequence[Assumption]"] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Name the cog after the plugin, since the classes of two plugins may have the same name."""
        super().__init_subclass__(**options)
        if isinstance(named := getattr(cls, "name", None), str):
            cls.__cog_name__ = named

    def __init__(self, host: Host) -> None:
        self.host = host
        #: For work beside the hooks: logged when it fails, cancelled when the plugin goes.
        self.tasks = OwnedTasks(self.name)

    def settings(self, guild_id: int) -> S:
        """Return this plugin's effective settings on a server: those a running call began with, else those in force."""
        return settings_of(type(self), self.host.config, self.host.calls, guild_id)  # type: ignore[return-value]

    @property
    def memory(self) -> dict[str, Any]:
        """A dict shared with the next instance after a reload, until the bot stops. Keep only plain data in it."""
        return self.host.plugins.memory

    def enabled(self, guild_id: int) -> bool:
        """Return whether this plugin is on for a server."""
        return self.settings(guild_id).enabled

    def language(self, guild_id: int) -> str:
        """Return the language that a server's channels read: as it is set, else the server's own in Discord."""
        wanted = self.host.config.server(guild_id).language
        guild = self.host.get_guild(guild_id)
        return wanted or (ENGLISH if guild is None else spoken(guild.preferred_locale))

    async def on_load(self) -> None:
        """Called before the plugin is installed. If it raises, the plugin is not installed, and an older version of it
        stays."""

    async def on_unload(self) -> None:
        """Called when no call needs this instance any more; its tasks are cancelled after that."""

    async def on_call_starting(self, call: "Call") -> str | None:
        """Called before anything is opened or billed. Return a text to refuse the call; the starter reads it."""
        return None

    async def on_call_started(self, call: "Call") -> None:
        """Called when the call has become live: people are heard."""

    async def on_call_moved(self, call: "Call") -> None:
        """Called when the call goes on in another voice channel, whose people may know nothing of it."""

    async def on_handed_over(self, call: "Call", before: int) -> None:
        """Called when the call's host has left its channel: it is user `call.host_id` now, and was user `before`."""

    async def on_call_ended(self, receipt: "Receipt") -> None:
        """Called when a billed session is over; once per session, also when it ended while the bot was dead.

        It is called again only after a crash during this hook, with the same `receipt.call_id`.
        """

    async def on_transcript(self, call: "Call", line: "TranscriptLine") -> None:
        """Called when a line was said; interims have `final` false."""

    async def on_image(self, call: "Call", image: ShownImage) -> None:
        """Called when the voicebot shows a picture."""

    async def on_speaking(self, call: "Call", user_id: int, speaking: bool) -> None:
        """Called when someone in the channel has started or stopped speaking."""

    async def on_voicebot_state(self, call: "Call", state: str) -> None:
        """Called when the voicebot's state changes: initializing, listening, thinking, speaking."""

    async def on_warning(self, call: "Call", text: str) -> None:
        """Called when something is wrong with the call, or about to be, and people should know."""

    async def on_notice(self, call: "Call", text: str) -> None:
        """Called when something that was wrong works again."""


def settings_of(plugin: type[Plugin[Any]], config: Config, calls: "Calls", guild_id: int) -> PluginSettings:
    """Return a plugin's effective settings on a server: those a running call began with, else those in force."""
    begun_with = calls.config_of(guild_id)
    # A call that is older than this plugin's code knows only the settings that the older code had.
    found = None if begun_with is None else begun_with.find(guild_id, plugin.name, plugin.Settings)
    return config.plugin(guild_id, plugin.name, plugin.Settings) if found is None else found
