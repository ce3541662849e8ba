"""The base of every plugin: a discord.py cog that also has typed settings, per-server enablement and call hooks.

A plugin is an extension: a package with `async def setup(bot)` that adds a `Plugin`. Same process, same trust as the
bot: hooks are guarded against bugs, not against malice.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

import discord
from discord.ext import commands

from bot.call.call import Call
from bot.call.events import Receipt, TranscriptLine
from bot.call.manager import CallManager
from bot.config.load import Config
from bot.config.model import PluginSettings, ServerSettings
from bot.provider import Provider, ShownImage

S = TypeVar("S", bound=PluginSettings)

ProviderFactory = Callable[[int, ServerSettings], Provider]


class Host(Protocol):
    """What the bot offers its plugins."""

    config: Config
    calls: CallManager
    #: Provider name -> how to get the provider of a server; a provider plugin adds itself in `setup`.
    providers: dict[str, ProviderFactory]
    tree: Any

    def get_channel(self, channel_id: int, /) -> Any: ...
    def get_guild(self, guild_id: int, /) -> discord.Guild | None: ...
    async def add_cog(self, cog: commands.Cog, /) -> None: ...
    def tls_context(self) -> Any: ...


class Plugin(commands.Cog, Generic[S]):
    """Derive, set `name` and `Settings`, and override the hooks you need.

    Hooks are called for servers where the plugin is enabled, one after the other per call, each with a time limit.
    """

    #: The plugin's name in config files.
    name: ClassVar[str]
    #: The version of this interface that the plugin was written for.
    api: ClassVar[int] = 1
    Settings: ClassVar[type[PluginSettings]] = PluginSettings

    def __init__(self, host: Host) -> None:
        self.host = host

    def settings(self, guild_id: int) -> S:
        """This plugin's effective settings on a server."""
        return cast(S, self.host.config.plugin(guild_id, self.name, self.Settings))

    def enabled(self, guild_id: int) -> bool:
        return self.settings(guild_id).enabled

    async def on_call_starting(self, call: Call) -> str | None:
        """Before anything is opened or billed. A text refuses the call and is shown to who asked."""
        return None

    async def on_call_started(self, call: Call) -> None:
        """The call is live."""

    async def on_call_ended(self, call: Call, receipt: Receipt) -> None:
        """The call is over; once per call that was live."""

    async def on_transcript(self, call: Call, line: TranscriptLine) -> None:
        """A line was said; interims have `final` false."""

    async def on_image(self, call: Call, image: ShownImage) -> None:
        """The voicebot shows a picture."""

    async def on_speaking(self, call: Call, user_id: int, speaking: bool) -> None:
        """Someone in the channel started or stopped to speak."""

    async def on_agent_state(self, call: Call, state: str) -> None:
        """What the voicebot is doing: initializing, listening, thinking, speaking."""

    async def on_warning(self, call: Call, text: str) -> None:
        """Something people should know about the call."""
