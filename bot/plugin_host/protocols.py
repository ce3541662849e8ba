"""The parts of calls and of other plugins that plugins may use: enough to run calls, nothing that stops the bot or
changes the ledger.

The objects themselves have more methods; these are the ones that a plugin may rely on. They are `bot.call.call.Call`,
and in front of the bot's `CallManager` and `PluginHost` the `ScopedCalls` and `ScopedPlugins` of `scope`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bot.access.voice_channel import VoiceChannel
    from bot.billing.end_reason import EndReason
    from bot.billing.ledger import SessionRecord
    from bot.billing.limits import Allowance, Budget, Starter
    from bot.call.connection.echo import EchoTest
    from bot.call.request import CallRequest
    from bot.call.state import CallState
    from bot.call.turns import Turn
    from bot.config.load import Config
    from bot.config.model import LimitSettings, PluginSettings, ServerSettings
    from bot.media.consent import Consent
    from bot.media.report import SoundReport
    from bot.media.tap import AudioTap
    from bot.provider import VoicebotSession

    from .manifest import Manifest
    from .plugin import Plugin


class ProviderInfo(Protocol):
    """What plugins may ask of the provider of a call; sessions are opened and ended by the bot alone."""

    #: As it is called in messages to users.
    title: str

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """Return all pictures of a voicebot, key -> URL; ProviderError."""
        ...


class Call(Protocol):
    """A call: a voicebot in a voice channel, from the command to the receipt."""

    @property
    def id(self) -> str:
        """What tells it from other calls; it is the receipt's `call_id`, too."""
        ...

    @property
    def settings(self) -> "ServerSettings":
        """What was in force when it began."""
        ...

    @property
    def started_at(self) -> datetime:
        """When it was asked for."""
        ...

    @property
    def allowance(self) -> "Allowance | None":
        """How long it may last; None is for ever."""
        ...

    @property
    def host_id(self) -> int:
        """User id of the host, who may end the call: the starter, until they leave."""
        ...

    @property
    def provider(self) -> "ProviderInfo":
        """The provider of its session."""
        ...

    @property
    def request(self) -> "CallRequest":
        """What it was asked for with."""
        ...

    @property
    def session(self) -> "VoicebotSession | None":
        """The open session, once there is one."""
        ...

    @property
    def guild_id(self) -> int:
        """The id of the server it is on."""
        ...

    @property
    def channel(self) -> "VoiceChannel":
        """Where the bot is; it can be moved."""
        ...

    @property
    def voice_channel_id(self) -> int:
        """The id of that channel."""
        ...

    @property
    def text_channel_id(self) -> int:
        """The id of the channel that reads what is said."""
        ...

    @property
    def starter_id(self) -> int:
        """The id of the person who started it."""
        ...

    @property
    def voicebot(self) -> str:
        """The provider's id of the voicebot in it."""
        ...

    @property
    def voicebot_name(self) -> str:
        """What to call the voicebot."""
        ...

    @property
    def voicebot_there(self) -> bool:
        """Whether the voicebot is in its room."""
        ...

    @property
    def state(self) -> "CallState":
        """The state it is in now."""
        ...

    @property
    def elapsed(self) -> float:
        """Seconds the session has been billed for so far."""
        ...

    @property
    def billed_minutes(self) -> int:
        """The billed minutes by our own count: every begun minute; 0 when no session was opened."""
        ...

    @property
    def consent(self) -> "Consent":
        """What people said about being heard in this call."""
        ...

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Set whether somebody wants to be heard in this call."""
        ...

    async def sound_report(self) -> "SoundReport":
        """Return the numbers of its sound as they stand."""
        ...

    @property
    def turns(self) -> "Sequence[Turn]":
        """The last answers of the voicebot, and how long each took, oldest first."""
        ...

    async def listen(self) -> "AudioTap":
        """Return a copy of the sound of both sides, from now to the end of the call: `async for sound in await
        call.listen()`.

        A plugin must be able to justify this: the channel only tells people that the voicebot hears them.
        """
        ...

    async def move_to(self, channel: "VoiceChannel") -> None:
        """Move the call to another voice channel of its server; people there are told that they are heard."""
        ...

    def end(self, reason: "EndReason", by: int | None = None) -> None:
        """Ask the call to end; the first reason stands."""
        ...


class Calls(Protocol):
    """The bot's calls, of which each server has at most one.

    A plugin sees those of servers where it is on: elsewhere there is no call, and methods that cannot say so raise
    PluginError.
    """

    def of_guild(self, guild_id: int) -> Call | None:
        """Return the server's call that has not ended; None when there is none."""
        ...

    def still_billed(self, guild_id: int) -> Call | None:
        """Return the server's call that is over and whose session the provider has not ended yet; None when there is
        none."""
        ...

    def config_of(self, guild_id: int) -> "Config | None":
        """Return what the server's call began with, until its receipt is given; None when there is none."""
        ...

    def provider_of(self, guild_id: int, config: "Config") -> "ProviderInfo":
        """Return the provider that a server's calls would be opened at; ParleyError when it is not there or has no
        key."""
        ...

    async def start(self, request: "CallRequest", config: "Config") -> Call:
        """Start a call and wait until it is live; ParleyError with words for the user when it cannot be."""
        ...

    def test_of(self, guild_id: int) -> "EchoTest | None":
        """Return the server's echo test that is going on; None when there is none."""
        ...

    async def start_test(self, channel: "VoiceChannel", user_id: int, config: "Config") -> "EchoTest":
        """Try a channel out without a voicebot, and wait until it can be heard; ParleyError when it cannot be."""
        ...

    async def history(self, start: float, end: float, guild_id: int) -> "Sequence[SessionRecord]":
        """Return a server's sessions that were opened in a time, in seconds since 1970; LedgerError."""
        ...

    async def budgets(self, settings: "LimitSettings", starter: "Starter", now: datetime) -> "Sequence[Budget]":
        """Return what is left of the limits that hold for somebody; LedgerError."""
        ...


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """What others may know of a plugin that is in place."""

    manifest: "Manifest"
    #: Whether only the bot's operator may switch it on or off.
    operator_only: bool


class Plugins(Protocol):
    """The plugins that the bot has found."""

    @property
    def installed(self) -> Mapping[str, InstalledPlugin]:
        """Those in place, by name."""
        ...

    @property
    def broken(self) -> Sequence[str]:
        """Names of those that cannot be used, or not as they are on disk now; sorted."""
        ...

    @property
    def models(self) -> "Mapping[str, type[PluginSettings]]":
        """The settings model of every plugin, by name."""
        ...

    @property
    def newest(self) -> "Plugin[Any] | None":
        """The instance of the asking plugin that is in place now: a running call may still use an older one. None while
        it is being replaced."""
        ...

    @property
    def memory(self) -> dict[str, Any]:
        """What all instances of the asking plugin have in common, those that were replaced included."""
        ...

    def enabled(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin that is in place is on for a server."""
        ...

    def paused(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin is left alone on a server because it failed too often."""
        ...
