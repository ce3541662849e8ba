"""The calls of a played server, as plugins see them: everything that `bot.api.Call` and `bot.api.Calls` name."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.access.voice_channel import VoiceChannel
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord, billed_minutes
from bot.billing.limits import Allowance, Budget, Starter
from bot.call.connection.echo import EchoTest
from bot.call.request import CallRequest, Requested
from bot.call.state import CallState
from bot.call.turns import Turn
from bot.config.load import Config
from bot.config.model import LimitSettings, ServerSettings
from bot.errors import Refused, VoiceError
from bot.media.consent import Consent
from bot.media.report import SoundReport
from bot.media.tap import AudioTap
from bot.provider import VoicebotSession

if TYPE_CHECKING:
    from bot.plugin_host.protocols import Call, Calls, ProviderInfo


class NoLibrary:
    """A provider whose voicebot has no pictures but those of the session."""

    title = "Provider"

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """Return no pictures at all."""
        return {}


@dataclass(slots=True)
class PlayedCall(Requested):
    """What plugins use of a call; `bot.call.call.Call` has the same names. Its attributes are what a test can set."""

    id: str
    config: Config
    request: CallRequest
    voicebot_name: str = "Guide"
    voicebot_there: bool = True
    session: VoicebotSession | None = None
    state: CallState = CallState.CONNECTING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    elapsed: float = 0.0  # seconds
    allowance: Allowance | None = None
    consent: Consent = field(init=False)
    host_id: int = field(init=False)
    channel: VoiceChannel = field(init=False)
    #: What `sound_report` returns.
    sound: SoundReport = field(default_factory=SoundReport)
    #: What a test wants the last answers to have been.
    turns: tuple[Turn, ...] = ()
    provider: "ProviderInfo" = field(default_factory=NoLibrary)
    closing: Any = None
    ended_by: int | None = None
    #: Called by `end` and by `move_to`.
    ends: Callable[[EndReason, int | None], None] = lambda reason, by: None
    moves: Callable[[VoiceChannel], Awaitable[None]] | None = None
    taps: list[AudioTap] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consent = Consent(ask_first=self.settings.consent == "asked")
        self.host_id, self.channel = self.request.starter_id, self.request.channel

    @property
    def settings(self) -> ServerSettings:
        """The settings of the server it is on."""
        return self.config.server(self.guild_id)

    @property
    def billed_minutes(self) -> int:
        """The minutes that would be billed so far."""
        return billed_minutes(self.elapsed)

    def end(self, reason: EndReason, by: int | None = None) -> None:
        """End the call as `Call.end` does: it is over soon, for the first reason."""
        self.ends(reason, by)

    async def listen(self) -> AudioTap:
        """Listen as `Call.listen` does; `PlayedServer.sound` is what it hears."""
        self.taps.append(AudioTap(asyncio.get_running_loop()))
        return self.taps[-1]

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Set whether somebody is heard, as `Call.set_consent` does."""
        self.consent.set(user_id, given)

    async def sound_report(self) -> SoundReport:
        """Return what a test has put into `sound`."""
        return self.sound

    async def move_to(self, channel: VoiceChannel) -> None:
        """Move the call to another voice channel, as `Call.move_to` does."""
        if self.moves is not None:
            await self.moves(channel)


class PlayedCalls:
    """The calls of a server, of which there is one at most. `records` and `left` are what a test can set."""

    def __init__(self, begin: Callable[[CallRequest, Config], Awaitable[PlayedCall]]) -> None:
        """`begin` starts a call, or raises Refused when the plugin refuses it."""
        self._begin = begin
        self.current: PlayedCall | None = None
        #: What the ledger would know of earlier calls.
        self.records: list[SessionRecord] = []
        #: What would be left of the limits.
        self.left: list[Budget] = []

    def of_guild(self, guild_id: int) -> PlayedCall | None:
        """Return the server's call, as `Calls.of_guild` does."""
        return self.current if self.current is not None and self.current.guild_id == guild_id else None

    def config_of(self, guild_id: int) -> Config | None:
        """Return what the server's call began with."""
        call = self.of_guild(guild_id)
        return None if call is None else call.config

    def still_billed(self, guild_id: int) -> PlayedCall | None:
        """Return None: here every session is ended at once."""
        return None

    def provider_of(self, guild_id: int, config: Config) -> "ProviderInfo":
        """Return a provider whose voicebot has no pictures of its own."""
        return NoLibrary()

    async def start(self, request: CallRequest, config: Config) -> PlayedCall:
        """Start a call, as `Calls.start` does; Refused when there is one, or a plugin refuses it."""
        if self.current is not None:
            raise Refused("There is a call already.")
        return await self._begin(request, config)

    def test_of(self, guild_id: int) -> EchoTest | None:
        """Return None: a played server has no sound to test."""
        return None

    async def start_test(self, channel: VoiceChannel, user_id: int, config: Config) -> EchoTest:
        """Raise VoiceError: a played server has no sound to test."""
        raise VoiceError("a played server has no voice connection to test")

    async def history(self, start: float, end: float, guild_id: int) -> Sequence[SessionRecord]:
        """Return those of `records` that were opened in a time, in seconds since 1970."""
        return [record for record in self.records if start <= record.intended_at < end]

    async def budgets(self, settings: LimitSettings, starter: Starter, now: datetime) -> Sequence[Budget]:
        """Return what a test has put into `left`."""
        return self.left


if TYPE_CHECKING:  # a name that they lack fails the type check here

    def _as_call(call: PlayedCall) -> Call:
        return call

    def _as_calls(calls: PlayedCalls) -> Calls:
        return calls
