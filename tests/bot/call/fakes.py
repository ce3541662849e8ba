"""What a call is made of, without Discord, sound or a provider: each part notes what it was told, in one list."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import discord

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord, SessionState
from bot.billing.limits import Allowance
from bot.call.call import Call
from bot.call.connection.media import MediaEngine
from bot.call.events import CallEvent
from bot.call.request import CallRequest
from bot.call.services import CallServices
from bot.call.state import CallState
from bot.config.load import Config, check
from bot.config.source import parse
from bot.errors import VoiceError
from bot.media.events import MediaEvent
from bot.media.report import SoundReport
from bot.media.settings import SoundSettings
from bot.provider import VoicebotSession
from bot.recorder.recorder import Recorder
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import VoiceUpdate
from tests.bot.billing.records import ScriptedProvider

ANN, BOB, BOT = 7, 8, 9
GUILD, VOICE, TEXT, ELSEWHERE = 1, 2, 3, 4
SESSION = VoicebotSession("room-1", "wss://livekit", "token", voicebot_name="Guide")
SERVER = VoiceServerInfo(
    guild_id=GUILD, channel_id=VOICE, user_id=BOT, session_id="s", endpoint="voice.example", token="t"
)


@dataclass
class Story:
    """All that the parts of a call were told, in order, and what they are to fail at."""

    told: list[str] = field(default_factory=list)
    failures: dict[str, list[BaseException]] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def tell(self, what: str) -> None:
        self.told.append(what)
        if (gate := self.gates.get(what)) is not None:
            await gate.wait()
        if failures := self.failures.get(what):
            raise failures.pop(0)


class Channel:
    """A voice channel with people in it."""

    def __init__(self, guild: "Guild", channel_id: int) -> None:
        self.id, self.guild = channel_id, guild
        self.mention = f"<#{channel_id}>"
        self.bitrate, self.user_limit = 64_000, 0
        self.voice_states: dict[int, Any] = {}

    def permissions_for(self, _: Any) -> discord.Permissions:
        return self.guild.permissions

    async def connect(self, *, cls: Callable[..., Any], timeout: float, self_deaf: bool) -> None:
        await cls(self.guild.client, self).connect(timeout=timeout, reconnect=True, self_deaf=self_deaf)


class Guild:
    """A server, and the bot's own member there."""

    def __init__(self) -> None:
        self.id, self.name, self.afk_channel = GUILD, "A server", None
        self.permissions = discord.Permissions.all()
        self.me = SimpleNamespace(id=BOT, voice=None, timed_out_until=None)
        self.client = SimpleNamespace(get_channel=lambda channel_id: None)
        self.channels = {number: Channel(self, number) for number in (VOICE, TEXT, ELSEWHERE)}
        self.members = {user: SimpleNamespace(id=user, bot=user == BOT, guild=self) for user in (ANN, BOB, BOT)}

    def get_member(self, user_id: int) -> Any:
        return self.members.get(user_id)

    def get_channel_or_thread(self, channel_id: int) -> Any:
        return self.channels.get(channel_id)

    def people(self, *user_ids: int, channel: int = VOICE) -> None:
        """Who is in a voice channel, besides the bot."""
        quiet = SimpleNamespace(self_mute=False, mute=False, suppress=False)
        self.channels[channel].voice_states = dict.fromkeys((*user_ids, BOT), quiet)


class Handshake:
    """In the place of `VoiceHandshake`: Discord names the same server each time."""

    story: Story

    def __init__(self, client: Any, channel: Any, listener: Callable[[VoiceUpdate], None]) -> None:
        self.client, self.channel, self.listener = client, channel, listener
        self.latest: VoiceServerInfo | None = SERVER
        type(self).made = self

    made: "Handshake"

    @property
    def server(self) -> VoiceServerInfo:
        assert self.latest is not None
        return self.latest

    async def connect(self, **_: Any) -> None:
        await self.story.tell("join channel")

    async def renew(self, timeout: float) -> VoiceServerInfo:
        await self.story.tell("renew voice")
        return self.server

    async def disconnect(self, *, force: bool) -> None:
        await self.story.tell("leave channel")


class Media:
    """In the place of `MediaSession`."""

    def __init__(self, story: Story, sound: SoundSettings, post: Callable[[MediaEvent], None]) -> None:
        self.story, self.sound, self.post = story, sound, post
        self.numbers = SoundReport(packets_heard=1)
        self.at_server: frozenset[int] | None = None
        #: Whether the media loop answers to nothing from now on.
        self.stuck = False

    async def _stick(self) -> None:
        if self.stuck:
            await asyncio.Event().wait()

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None, bitrate: int) -> None:
        await self.story.tell("connect voice")

    async def join_room(self, url: str, token: str) -> None:
        await self.story.tell("join room")

    async def join_echo(self) -> None:
        await self.story.tell("join echo")

    async def leave_room(self) -> None:
        await self._stick()
        await self.story.tell("leave room")

    async def close(self) -> None:
        await self._stick()
        await self.story.tell("close sound")

    async def report(self) -> SoundReport:
        await self._stick()
        return self.numbers

    async def present(self) -> frozenset[int] | None:
        await self._stick()
        return self.at_server

    async def set_consent(self, user_id: int, given: bool) -> None:
        await self.story.tell(f"consent {user_id} {given}")

    def set_bots(self, bots: frozenset[int]) -> None:
        self.story.told.append(f"bots {sorted(bots)}")

    def set_interrupters(self, user_ids: frozenset[int] | None) -> None:
        self.story.told.append(f"interrupters {user_ids and sorted(user_ids)}")

    def set_bitrate(self, bitrate: int) -> None:
        pass


class Loop:
    """In the place of the media loop: the same loop, at once."""

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await work

    def post(self, command: Callable[[], None]) -> None:
        command()


class Opener:
    """Opens the session, or fails as the story says."""

    def __init__(self, story: Story) -> None:
        self._story = story

    async def open(self, record: SessionRecord, participant: str) -> VoicebotSession:
        await self._story.tell("open session")
        return SESSION


class Closer:
    """Ends it, which the provider confirms at once."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self.reasons: list[EndReason] = []

    def end(
        self, record: SessionRecord, reason: EndReason, by: int | None = None, seconds: float | None = None
    ) -> "asyncio.Task[SessionRecord]":
        async def end() -> SessionRecord:
            return record

        assert record.state is SessionState.OPEN
        self.reasons.append(reason)
        self._story.told.append("end session")
        return asyncio.create_task(end())

    async def stop(self) -> None:
        await self._story.tell("closer stops")


class Observer:
    """The plugins: what they are told, and whether one says no."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self.events: list[CallEvent] = []

    async def starting(self, call: Call) -> None:
        await self._story.tell("plugins asked")

    def publish(self, call: Call, event: CallEvent) -> None:
        self.events.append(event)

    async def finished(self, call: Call) -> None:
        await self._story.tell("plugins done")

    async def ended(self, receipt: Any) -> None:
        await self._story.tell("receipt")

    def of(self, kind: type[CallEvent]) -> list[Any]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Provider(ScriptedProvider):
    """Reads no packets and has kept no lines."""

    def read_packet(self, payload: bytes) -> tuple[()]:
        return ()

    async def messages(self, reference: str) -> list[Any]:
        return []


class Play:
    """A call on a server, all its parts within reach."""

    def __init__(self, settings: str = "{}", *, allowance: Allowance | None = None) -> None:
        self.story = Story()
        Handshake.story = self.story
        self.guild = Guild()
        self.guild.people(ANN)
        self.observer = Observer(self.story)
        self.closer = Closer(self.story)
        self.media: list[Media] = []
        engine = MediaEngine(cast(Any, Loop()), self._make_media)
        self.services = CallServices(
            engine, cast(Any, self.observer), Opener(self.story), cast(SessionCloser, self.closer)
        )
        self.config: Config = check(parse(Path("config.yaml"), f"defaults: {settings}"), {})
        self.provider = cast(Any, Provider())
        self.allowance = allowance
        self.call: Call = self._make_call()

    def _make_media(self, sound: SoundSettings, read: Any, post: Callable[[MediaEvent], None], _: Recorder) -> Any:
        self.media.append(Media(self.story, sound, post))
        return self.media[-1]

    def _make_call(self) -> Call:
        request = CallRequest(cast(Any, self.guild.channels[VOICE]), TEXT, ANN, "66f0", "discord-7")
        return Call(request, self.config, self.provider, self.services, self._limits())

    def _limits(self) -> Callable[[Call], Awaitable[Allowance | None]]:
        async def limits(call: Call) -> Allowance | None:
            await self.story.tell("limits")
            return self.allowance

        return limits

    @property
    def handshake(self) -> Handshake:
        """The half of the voice connection that goes through the main gateway."""
        return Handshake.made

    def state(self) -> CallState:
        """The call's state now."""
        return self.call.state

    def happens(self, event: MediaEvent) -> None:
        """Something happens in the media loop."""
        self.media[0].post(event)

    async def settle(self) -> None:
        """Until everything that can be done at once is done."""
        for _ in range(50):
            await asyncio.sleep(0)


def broken(what: str = "no answer") -> VoiceError:
    """What a failed voice connection raises."""
    return VoiceError(what)
