"""A server with one plugin and one call, all in memory: what happens in the call is what a test says.

The plugin host and its hooks are the real ones; the call, Discord and the provider are not there.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import discord
import yaml

from bot import plugin_host
from bot.billing.end_reason import EndReason
from bot.billing.ledger import billed_minutes
from bot.billing.receipt import Receipt
from bot.bridge import Frame
from bot.call.events import (
    CallMoved,
    CallStarted,
    HandedOver,
    ImageShown,
    LineSaid,
    NoticeGiven,
    PersonSpeaking,
    TranscriptLine,
    VoicebotState,
    WarningGiven,
)
from bot.call.state import CallState
from bot.config.load import Config, check
from bot.config.model import ServerSettings
from bot.config.source import parse
from bot.errors import PluginError, Refused
from bot.media.consent import Consent
from bot.media.tap import AudioTap
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Plugin
from bot.provider import ShownImage, VoicebotSession

from . import interaction
from .clock import TURNS
from .discord_parts import Bot, Channel, Guild, Person, Posted

__all__ = ["PlayedCall", "PlayedServer", "Posted"]

GUILD_ID, TEXT_ID, VOICE_ID, OTHER_VOICE_ID, FIRST_PERSON = 100, 200, 300, 301, 1001
NO_CALL = "there is no call; `await server.start()` begins one"
EXPECT_TIMEOUT = 5.0  # seconds for a plugin to do what a test expects


class NoLibrary:
    """A provider whose voicebot has no pictures but those of the session."""

    title = "Provider"

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """There is no library of pictures."""
        return {}


@dataclass(slots=True)
class PlayedCall:
    """What plugins use of a call; `bot.call.call.Call` has the same names."""

    id: str
    config: Config
    starter_id: int
    guild_id: int = GUILD_ID
    text_channel_id: int = TEXT_ID
    voice_channel_id: int = VOICE_ID
    voicebot: str = "guide"
    voicebot_name: str = "Guide"
    session: VoicebotSession | None = None
    state: CallState = CallState.CONNECTING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    elapsed: float = 0.0  # seconds
    consent: Consent = field(init=False)
    host_id: int = field(init=False)
    provider: Any = field(default_factory=NoLibrary)
    closing: Any = None
    ended_by: int | None = None
    #: The voice channel it is in.
    channel: Any = None
    #: Called by `end`.
    ends: Callable[[EndReason, int | None], None] = lambda reason, by: None
    taps: list[AudioTap] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consent = Consent(ask_first=self.settings.consent == "asked")
        self.host_id = self.starter_id

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

    @property
    def settings(self) -> ServerSettings:
        """The settings of the server it is on."""
        return self.config.server(self.guild_id)

    @property
    def billed_minutes(self) -> int:
        """The minutes that would be billed so far."""
        return billed_minutes(self.elapsed)


class PlayedServer:
    """A server with one plugin. Open it with `open`; every verb waits until the plugin has heard of what happened."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], language: str) -> None:
        self.folder = folder = folder.resolve()
        self.guild = Guild(GUILD_ID, "A server", discord.Locale(language))
        self.text, self.voice = Channel(TEXT_ID, "talk", self.guild), Channel(VOICE_ID, "Lounge", self.guild)
        self.other_voice = Channel(OTHER_VOICE_ID, "Garden", self.guild)
        bot: Any = Bot(self.guild, [self.text, self.voice, self.other_voice])
        self.bot = bot
        catalog = Catalog.of(folder)
        if not catalog.classes:
            reasons = [broken.reason for broken in catalog.broken]
            raise PluginError("; ".join(reasons) or f"{folder}: there is no plugin in it")
        (found,) = catalog.classes
        self.name = found
        written = yaml.safe_dump({"defaults": {"plugins": {found: dict(settings)}}}, sort_keys=False)
        bot.config = check(parse(folder / "config.yaml", written), catalog.models)
        bot.calls = self
        bot.plugins = PluginHost(bot, catalog, announced=False)  # the plugin under test is the only one
        self.call: PlayedCall | None = None
        #: What was wrong with the plugin, as the operator's log says it. A test that expects it empties it.
        self.failures: list[str] = []
        #: Why the last start was refused, as its person reads it; None when it was not.
        self.refused: str | None = None
        self._log = _Failures(self.failures)
        self._ending: asyncio.Task[Receipt] | None = None
        self._number = 0

    @classmethod
    async def open(
        cls, folder: Path, settings: Mapping[str, Any] | None = None, language: str = "en-US"
    ) -> "PlayedServer":
        """Load the plugin in a folder with these settings. PluginError, ConfigError."""
        server = cls(folder, settings or {}, language)
        logging.getLogger(plugin_host.__name__).addHandler(server._log)
        await server.bot.plugins.start()
        if server.bot.plugins.catalog.broken and not server.bot.plugins.instances:
            await server.close()
            raise PluginError(server.bot.plugins.catalog.broken[-1].reason)
        return server

    async def close(self) -> None:
        """End the call and unload the plugin."""
        if self.call is not None or self._ending is not None:
            await self.end()
        await self.bot.plugins.stop()
        await self.bot.close()
        logging.getLogger(plugin_host.__name__).removeHandler(self._log)

    # -- what the plugin host asks of calls ---------------------------------------------------------------------

    def of_guild(self, guild_id: int) -> PlayedCall | None:
        """Return the server's call, as `CallManager.of_guild` does."""
        return self.call if guild_id == GUILD_ID else None

    def config_of(self, guild_id: int) -> Config | None:
        """Return a call's config, as `CallManager.config_of` does."""
        return None if self.call is None else self.call.config

    def still_billed(self, guild_id: int) -> None:
        """Return None, unlike `CallManager.still_billed`: the session is always ended at once."""

    # -- what a test says ---------------------------------------------------------------------------------------

    @property
    def plugin(self) -> Plugin[Any]:
        """The plugin's instance that is in place."""
        instance: Plugin[Any] = self.bot.plugins.instances[self.name]
        return instance

    @property
    def messages(self) -> list[str]:
        """All that stands in the text channel: contents, and what embeds say."""
        return [_words(message) for message in self.text.posted if not message.deleted]

    def person(self, name: str) -> Person:
        """Return the member of the server with this name, who joins it when the name is new."""
        for person in self.guild.people.values():
            if person.display_name == name:
                return person
        person = Person(FIRST_PERSON + len(self.guild.people), name, self.guild)
        self.guild.people[person.id] = person
        return person

    async def start(self, starter: str = "Ann", images: Mapping[str, str] | None = None) -> bool:
        """Start a call as `/voicebot join` does; whether it is live. `refused` says why it is not. Who starts it is in
        the voice channel then, as on the sandbox."""
        assert self.call is None, "there is a call already; `await server.end()` ends it"
        if self.person(starter).voice is None:
            await self.join_voice(starter)
        self._number += 1
        self._ending = None
        call = PlayedCall(f"call{self._number}", self.bot.config, self.person(starter).id, channel=self.voice)
        call.ends = partial(self._ends, call)
        self.refused = None
        try:
            await self._dispatcher.starting(call)
        except Refused as error:
            self.refused = error.for_user
            await self._dispatcher.finished(call)
            return False
        call.session = VoicebotSession("room", "wss://localhost", "", call.voicebot_name, images=dict(images or {}))
        call.state = CallState.LIVE
        self.call = call
        self._dispatcher.publish(call, CallStarted())
        await self.settle()
        return True

    async def say(self, who: str, text: str, *, final: bool = True) -> None:
        """Let a person say something in the call."""
        speaker = self.person(who).id
        self._dispatcher.publish(self._live, PersonSpeaking(speaker, True))
        self._dispatcher.publish(self._live, PersonSpeaking(speaker, False))
        self._dispatcher.publish(self._live, LineSaid(TranscriptLine("user", text, final, (speaker,))))
        await self.settle()

    async def answer(self, text: str, *, final: bool = True) -> None:
        """Let the voicebot say something in the call."""
        for state in ("thinking", "speaking"):
            self._dispatcher.publish(self._live, VoicebotState(state))
        self._dispatcher.publish(self._live, LineSaid(TranscriptLine("voicebot", text, final)))
        self._dispatcher.publish(self._live, VoicebotState("listening"))
        await self.settle()

    async def show(self, key: str | None = None, url: str | None = None) -> None:
        """Let the voicebot show a picture."""
        assert key or url, "a picture has a key, an address, or both"
        self._dispatcher.publish(self._live, ImageShown(ShownImage(key, url)))
        await self.settle()

    async def warn(self, text: str) -> None:
        """Tell the plugin that something is wrong with the call."""
        self._dispatcher.publish(self._live, WarningGiven(text))
        await self.settle()

    async def notice(self, text: str) -> None:
        """Tell the plugin that something works again."""
        self._dispatcher.publish(self._live, NoticeGiven(text))
        await self.settle()

    async def move(self) -> None:
        """Move the call to the other voice channel, or back from it."""
        call = self._live
        there = call.voice_channel_id == OTHER_VOICE_ID
        call.voice_channel_id = VOICE_ID if there else OTHER_VOICE_ID
        call.channel = self.voice if there else self.other_voice
        self._dispatcher.publish(call, CallMoved())
        await self.settle()

    async def hand_over(self, to: str = "Ben") -> None:
        """Make somebody else the call's host, since the host has left its channel."""
        call = self._live
        before, call.host_id = call.host_id, self.person(to).id
        self._dispatcher.publish(call, HandedOver(before))
        await self.settle()

    async def sound(self, people: Frame | None = None, voicebot: Frame | None = None) -> None:
        """Play 20 ms of sound to the call's taps: 960 samples of int16 at 48 kHz; None means silence."""
        for tap in self._live.taps:
            tap.put(time.monotonic(), people, voicebot)
        await asyncio.sleep(0)

    async def command(self, name: str, by: str = "Ann", /, **options: Any) -> str:
        """Type a slash command into the text channel, such as `"dice roll"`, with its options by name; return what is
        answered. People in options may be given by their name."""
        command = interaction.find(self.bot.tree, name)
        for parameter in command.parameters:
            value = options.get(parameter.display_name)
            if parameter.type in interaction.PEOPLE and isinstance(value, str):
                options[parameter.display_name] = self.person(value)
        typed = interaction.Interaction(self.bot, self.text, self.person(by), command)
        fault = await interaction.run(typed, await interaction.arguments(typed, options))
        if fault is not None:
            self.failures.append(fault)
        await self.settle()
        return "\n".join(_words(answer) for answer in typed.answers)

    async def join_voice(self, who: str) -> None:
        """Let a person join the voice channel."""
        await self._move(who, self.voice)

    async def leave_voice(self, who: str) -> None:
        """Let a person leave the voice channel."""
        await self._move(who, None)

    async def _move(self, who: str, to: Channel | None) -> None:
        person = self.person(who)
        data: Any = {"session_id": "1"}
        before = self.voice.voice_states.pop(person.id, discord.VoiceState(data=data))
        channel: Any = to
        after = discord.VoiceState(data=data, channel=channel)
        self.guild.voice.pop(person.id, None)
        if to is not None:
            to.voice_states[person.id] = self.guild.voice[person.id] = after
        await self.event("voice_state_update", person, before, after)

    async def event(self, name: str, *arguments: Any) -> None:
        """Pass one of discord.py's events, such as `"member_join"`, to the plugin's listeners."""
        for listened, method in self.plugin.get_listeners():
            if listened == f"on_{name}":
                try:
                    await method(*arguments)
                except Exception as error:
                    self.failures.append(f"{listened} failed: {type(error).__name__}: {error}")
        for _ in range(TURNS):  # what it has begun beside itself comes to its first wait
            await asyncio.sleep(0)
        await self.settle()

    async def advance(self, seconds: float) -> None:
        """Let time pass, in a call or after it: for its meter, and for who waits with `self.host.sleep`."""
        assert seconds >= 0, "time does not go back"
        await self.bot.clock.advance(seconds, self.settle, self._meter)

    def _meter(self, seconds: float) -> None:
        if self.call is not None:
            self.call.elapsed += seconds

    async def kick(self) -> Receipt:
        """Let a moderator disconnect the bot."""
        return await self.end(EndReason.DISCONNECTED)

    async def end(self, reason: EndReason = EndReason.LEFT) -> Receipt:
        """End the call; return its receipt, as the plugin has it. If the plugin has ended the call itself, that
        receipt."""
        if self._ending is None:
            self._ends(self._live, reason, None)
        assert self._ending is not None, NO_CALL
        ending, self._ending = self._ending, None
        return await ending

    def _ends(self, call: PlayedCall, reason: EndReason, by: int | None) -> None:
        if self._ending is None and self.call is call:
            call.ended_by = by
            self._ending = asyncio.create_task(self._end(call, reason), name="end of the call")

    async def _end(self, call: PlayedCall, reason: EndReason) -> Receipt:
        self.call = None
        call.closing, call.state = object(), CallState.ENDED
        for tap in call.taps:
            tap.close()
        await self._dispatcher.finished(call)
        receipt = Receipt(
            call_id=call.id,
            guild_id=call.guild_id,
            voice_channel_id=call.voice_channel_id,
            text_channel_id=call.text_channel_id,
            starter_id=call.starter_id,
            voicebot=call.voicebot,
            voicebot_name=call.voicebot_name,
            reason=reason,
            ended_by=call.ended_by,
            started_at=call.started_at,
            duration=call.elapsed,
            billed_minutes=call.billed_minutes,
            credits=None,
        )
        await self._dispatcher.ended(receipt)
        return receipt

    async def expect(self, text: str, within: float = EXPECT_TIMEOUT) -> None:
        """Wait until the channel says something; AssertionError with all it says when it does not."""
        deadline = time.monotonic() + within
        while not any(text in message for message in self.messages):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"nobody wrote {text!r}; the channel says {self.messages}, failed: {self.failures}"
                )
            await asyncio.sleep(0.01)

    async def settle(self) -> None:
        """Wait until the plugin has heard of everything, the end of a call too that it has ended itself."""
        await self._dispatcher.settled()
        if self._ending is not None:
            await asyncio.wait({self._ending})

    async def reload(self) -> None:
        """Use the plugin's code as it is on disk now; PluginError leaves the one in place."""
        reimport = await self.bot.plugins.catalog.reimport(self.name)
        try:
            reimport.take()
            await self.bot.plugins.replace(self.name, reimport.plugin)
        except PluginError:
            reimport.undo()
            raise

    @property
    def _dispatcher(self) -> Any:
        return self.bot.plugins.dispatcher

    @property
    def _live(self) -> PlayedCall:
        assert self.call is not None, NO_CALL
        return self.call


class _Failures(logging.Handler):
    """What the plugin host's log says of the plugin: its hooks, its tasks, its start and its end."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._found.append(record.getMessage() + (f": {type(error).__name__}: {error}" if error else ""))


def _words(message: Posted) -> str:
    parts = [message.content]
    for embed in message.embeds:
        parts += [embed.author.name or "", embed.title or "", embed.description or "", embed.image.url or ""]
        parts += [f"{item.name}: {item.value}" for item in embed.fields]
    return "\n".join(part for part in parts if part)
