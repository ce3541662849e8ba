"""A server with one plugin and one call, all in memory: what happens in the call is what a test says.

The plugin host and its hooks are the real ones; the call, Discord and the provider are not there.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import discord
import yaml

from bot import plugin_host
from bot.access.voice_channel import VoiceChannel
from bot.billing.end_reason import EndReason
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
from bot.call.request import CallRequest
from bot.call.state import CallState
from bot.config.load import Config
from bot.errors import PluginError, Refused
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.host import PluginHost
from bot.plugin_host.plugin import Plugin
from bot.provider import ShownImage, VoicebotSession

from . import interaction
from .calls import PlayedCall, PlayedCalls
from .clock import TURNS
from .discord_parts import Channel, Guild, Person, Posted
from .host import PlayedBot

__all__ = ["PlayedCall", "PlayedServer", "Posted"]

GUILD_ID, TEXT_ID, VOICE_ID, OTHER_VOICE_ID, FIRST_PERSON = 100, 200, 300, 301, 1001
NO_CALL = "there is no call; `await server.start()` begins one"
EXPECT_TIMEOUT = 5.0  # seconds for a plugin to do what a test expects


class PlayedServer:
    """A server with one plugin. Open it with `open`; every verb waits until the plugin has heard of what happened."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], language: str) -> None:
        self.folder = folder = folder.resolve()
        self.guild = Guild(GUILD_ID, "A server", discord.Locale(language))
        self.text, self.voice = Channel(TEXT_ID, "talk", self.guild), Channel(VOICE_ID, "Lounge", self.guild)
        self.other_voice = Channel(OTHER_VOICE_ID, "Garden", self.guild)
        catalog = Catalog.of(folder)
        if not catalog.classes:
            reasons = [broken.reason for broken in catalog.broken]
            raise PluginError("; ".join(reasons) or f"{folder}: there is no plugin in it")
        (found,) = catalog.classes
        self.name = found
        written = yaml.safe_dump({"defaults": {"plugins": {found: dict(settings)}}}, sort_keys=False)
        channels = [self.text, self.voice, self.other_voice]
        self.bot = bot = PlayedBot(self.guild, channels, folder / "config.yaml", written, catalog.models)
        bot.on_reload = self.reload
        bot.calls = self.calls = PlayedCalls(self._begin)
        bot.plugins = PluginHost(bot, catalog, announced=False)  # the plugin under test is the only one
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

    # -- what a test says ---------------------------------------------------------------------------------------

    @property
    def call(self) -> PlayedCall | None:
        """The call that is going on."""
        return self.calls.current

    @call.setter
    def call(self, call: PlayedCall | None) -> None:
        self.calls.current = call

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
        request = self.request_of(starter)
        try:
            await self._begin(request, self.bot.config, images)
        except Refused:
            return False
        return True

    def request_of(self, starter: str = "Ann") -> CallRequest:
        """Return what somebody would ask for a call with, as a plugin that starts calls makes it."""
        channel: Any = self.voice
        return CallRequest(channel, TEXT_ID, self.person(starter).id, "guide", starter)

    async def _begin(self, request: CallRequest, config: Config, images: Mapping[str, str] | None = None) -> PlayedCall:
        self._number += 1
        self._ending = None
        call = PlayedCall(f"call{self._number}", config, request)
        call.ends, call.moves = partial(self._ends, call), self._go_to
        self.refused = None
        try:
            await self._dispatcher.starting(call)
        except Refused as error:
            self.refused = error.for_user
            await self._dispatcher.finished(call)
            raise
        call.session = VoicebotSession("room", "wss://localhost", "", call.voicebot_name, images=dict(images or {}))
        call.state = CallState.LIVE
        self.call = call
        self._dispatcher.publish(call, CallStarted())
        await self.settle()
        return call

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
        channel: Any = self.voice if self._live.voice_channel_id == OTHER_VOICE_ID else self.other_voice
        await self._go_to(channel)
        await self.settle()

    async def _go_to(self, channel: VoiceChannel) -> None:
        self._live.channel = channel
        self._dispatcher.publish(self._live, CallMoved())

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
