"""One call, from the wish to talk to the receipt.

One task, `run`, owns everything the call opens and closes it on every way out. What happens (from Discord, the media
loop, timers, people) arrives as messages in one queue and is handled in order.

Order of opening: everything free first (Discord's voice server, DAVE keys), then the session, which bills from its
first second, then the room. Order of closing: out of the room, which takes milliseconds, then the session,
then everything else.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from bot import clock
from bot.config.load import Config
from bot.errors import ParleyError
from bot.language import say
from bot.media.consent import Unwilling
from bot.media.events import (
    MediaEvent,
    SpeakingChanged,
    Undecryptable,
    VoicebotSpeaking,
    VoiceLost,
    VoiceResumed,
    VoiceResuming,
)
from bot.media.loop import MediaLoop
from bot.media.report import SoundReport
from bot.media.session import MediaSession
from bot.media.tap import AudioTap
from bot.provider import Provider, ShownImage, Utterance, VoicebotSession
from bot.room.events import (
    AgentState,
    RoomClosed,
    RoomReconnected,
    RoomReconnecting,
    VoicebotArrived,
    VoicebotGone,
)
from bot.voice.handshake import Disconnected, Moved, ServerChanged, VoiceUpdate

from .billing import BilledSession
from .closing import SessionCloser
from .conversation import Conversation, Said
from .events import CallObserver
from .guards import CheckHearing, End, Guards, Tell, Verdict, Warn
from .healing import Healing
from .hearing import diagnosis, undecryptable
from .ledger import SessionRecord
from .limits import Allowance
from .opening import SessionOpener
from .permissions import Hindrances
from .request import CallRequest
from .sound import bitrate, interrupters, sound_settings
from .state import CallState, CallStateMachine, EndReason
from .steps import GivenUp, unless
from .voice_link import VoiceChannel, VoiceLink

log = logging.getLogger(__name__)

LONGEST_PATIENCE = 5.0  # seconds between two looks of the guards
DELETION_WAIT = 0.25  # seconds
#: Seconds that the end of a session may wait for its room to be left; it takes a few milliseconds.
LEAVING_FIRST = 0.1
#: Seconds the call waits for the provider to confirm the end; after that people are told, and the closing goes on.
CONFIRM_WAIT = 15.0
CONFIRM_WAIT_AT_SHUTDOWN = 4.0


class Call:
    """A call. Create it, `await run()` in a task, and read its state from anywhere on the main loop."""

    def __init__(
        self,
        request: CallRequest,
        config: Config,
        provider: Provider,
        media_loop: MediaLoop,
        observer: CallObserver,
        opener: SessionOpener,
        closer: SessionCloser,
        limits: "Callable[[Call], Awaitable[Allowance | None]]",
    ) -> None:
        self.id = secrets.token_hex(6)
        self.request = request
        #: What was in force when the call began.
        self.config = config
        self.settings = settings = config.server(request.channel.guild.id)
        self.provider = provider
        #: What ends the session and returns its closed record; None when no session was opened.
        self.closing: asyncio.Task[SessionRecord] | None = None
        self._billing = BilledSession(request.intent(self.id, settings, provider.account), opener, closer)
        self.machine = CallStateMachine()
        self.started_at = datetime.now(UTC)
        self.ended_by: int | None = None
        #: Set when the call is live; holds the error when it never came to that.
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._media_loop = media_loop
        self._observer = observer
        self._queue: asyncio.Queue[MediaEvent | VoiceUpdate] = asyncio.Queue()
        self._end = asyncio.Event()
        self._media = MediaSession(
            media_loop,
            sound_settings(settings, request.starter_id),
            read_packet=provider.read_packet,
            post=self._post_from_media,
        )
        self._voice = VoiceLink(
            request.channel, media_loop, self._media, self._on_voice_update, lambda channel: bitrate(settings, channel)
        )
        self._loop = asyncio.get_running_loop()
        self._conversation = Conversation(self, observer)
        self._limits = limits
        #: How long it may last; None is for ever.
        self.allowance: Allowance | None = None
        self._voicebot_spoke = False
        self._guards = Guards(settings)
        self._wake = asyncio.Event()
        self._healing = Healing(
            f"call {self.id}",
            self._voice,
            self._join_room,
            self.machine,
            self._guards,
            warn=lambda text: observer.warning(self, text),
            end=self.end,
        )
        self._hindrances = Hindrances()
        #: Those who are not heard in this call, as they wish.
        self.unwilling = Unwilling(ask_first=settings.consent == "asked")
        #: Who may end it and interrupt the voicebot where that is the starter's: the starter, until they leave.
        self.host_id = request.starter_id
        self._sent_to: set[int] = set()  # voice channels' ids, until it is there
        #: Whether the voicebot is in its room.
        self.voicebot_there = False

    # -- what others may ask ------------------------------------------------------------------------------------

    @property
    def session(self) -> VoicebotSession | None:
        """The open session, once there is one."""
        return self._billing.session

    @property
    def guild_id(self) -> int:
        return self.request.channel.guild.id

    @property
    def voice_channel_id(self) -> int:
        return self.channel.id

    @property
    def channel(self) -> VoiceChannel:
        """Where the bot is; it can be moved."""
        return self._voice.channel

    @property
    def text_channel_id(self) -> int:
        return self.request.text_channel_id

    @property
    def starter_id(self) -> int:
        return self.request.starter_id

    @property
    def voicebot(self) -> str:
        return self.request.voicebot

    @property
    def voicebot_name(self) -> str:
        """What to call the voicebot: the server's word, else the provider's unless that is only its id."""
        if self.settings.voicebot_name:
            return self.settings.voicebot_name
        told = None if self.session is None else self.session.voicebot_name
        return told if told and told != self.voicebot else "Voicebot"

    @property
    def state(self) -> CallState:
        return self.machine.state

    @property
    def elapsed(self) -> float:
        """Seconds the session has been billed for so far."""
        return self._billing.elapsed

    @property
    def billed_minutes(self) -> int:
        """Our own count: every begun minute, the first one at once; 0 when no session was opened."""
        return self._billing.minutes

    async def move_to(self, channel: VoiceChannel) -> None:
        """Take the call along to another voice channel of its server; its people were told there, or will be."""
        if self.state is CallState.LIVE:  # nobody would leave the channel for a call that is over
            self._sent_to.add(channel.id)
            await channel.guild.change_voice_state(channel=channel)

    async def sound(self) -> SoundReport:
        """The media loop's counters."""
        return await self._media_loop.run(self._media.report())

    async def listen(self) -> AudioTap:
        """A copy of the sound of both sides, from now to the end of the call: `async for sound in await call.listen()`.

        Whoever reads it must be able to say what it is for: people read in the channel that the voicebot hears them.
        """
        tap = AudioTap(self._loop)
        await self._media_loop.run(self._media.add_tap(tap))
        return tap

    async def hear(self, user_id: int, willing: bool) -> None:
        """Somebody said whether they want to be heard in this call."""
        self.unwilling.hear(user_id, willing)
        await self._media_loop.run(self._media.hear(user_id, willing))

    def end(self, reason: EndReason, by: int | None = None) -> None:
        """Ask the call to end; the first reason stands."""
        if self.machine.end(reason):
            self.ended_by = by
            self._end.set()

    def occupancy(self, humans: int) -> None:
        """How many people are in the channel now. Nobody for the grace ends the call; a return keeps it."""
        self._guards.occupancy(clock.now(), humans)
        self._wake.set()

    def hand_over(self, user_id: int) -> None:
        """Whoever started the call has left its channel: somebody else may end it, and interrupt the voicebot, now."""
        before, self.host_id = self.host_id, user_id
        log.info("call %s: user %d is its host now", self.id, user_id)
        self._observer.handed_over(self, before)
        may = interrupters(self.settings, user_id)
        self._media_loop.post(lambda: self._media.let_interrupt(may))

    def look_for_hindrances(self) -> None:
        """Permissions, the bot's own voice state or the channel changed: tell people once what no longer works."""
        self._voice.retune()
        guild = self.channel.guild
        wrong, well = self._hindrances.update(self.channel, guild.get_channel_or_thread(self.text_channel_id))
        for text in wrong:
            log.warning("call %s: %s", self.id, text)
            self._observer.warning(self, text)
        for text in well:
            self._observer.notice(self, text)

    def gateway(self, *, connected: bool) -> None:
        """Discord's main gateway was lost, or is back. Sound goes on meanwhile."""
        if connected:
            self._guards.healed("gateway")
        else:
            self._guards.broke(clock.now(), "gateway")
        self._wake.set()

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The whole call. Never raises but for cancellation; `live` carries what went wrong at the start."""
        try:
            self.allowance = await self._limits(self)
            await self._observer.starting(self)
            await self._connect()
            self.machine.connected()
            self._guards.live(clock.now())
            self._observer.started(self)
            self.look_for_hindrances()  # a mute may be left over from some other time
            if not self.live.done():
                self.live.set_result(None)
            await self._live()
        except GivenUp:
            self._fail_start(ParleyError(say("The call was ended before it had begun.")))
        except ParleyError as error:
            log.warning("call %s could not start: %s", self.id, error)
            self.machine.end(EndReason.NOT_STARTED)
            self._fail_start(error)
        except Exception as error:
            log.exception("call %s failed", self.id)
            self.machine.end(EndReason.FAILED)
            self._fail_start(
                ParleyError(
                    f"unexpected: {type(error).__name__}",
                    for_user=say(
                        "Something went wrong inside the bot, and the session was closed. The operator's log says what."
                    ),
                )
            )
        finally:
            self.machine.end(EndReason.FAILED)
            self._end.set()
            self._fail_start(ParleyError(say("The bot is being restarted.")))  # to nobody, unless this was cancelled
            await self._close()

    async def _connect(self) -> None:
        await unless(self._end, self._voice.connect())
        session = await self._open_session()
        await unless(self._end, self._join_room(session))

    async def _join_room(self, session: VoicebotSession) -> None:
        await self._media_loop.run(self._media.join_room(session.room_url, session.room_token))

    async def _open_session(self) -> VoicebotSession:
        """The POST. It is not given up when the call is to end meanwhile."""
        if self._end.is_set():
            raise GivenUp
        session = await self._billing.open(self.request.participant)
        if self.allowance is not None:
            allowance, elapsed = self.allowance, self.elapsed
            self._guards.allowed(
                clock.now(), allowance.seconds - elapsed, allowance.whose, allowance.reason, allowance.spent + elapsed
            )
        if self._end.is_set():
            raise GivenUp
        return session

    async def _live(self) -> None:
        """Handle what happens, and what does not, until the call is to end."""
        ending = asyncio.create_task(self._end.wait())
        arriving = asyncio.create_task(self._queue.get())
        waking = asyncio.create_task(self._wake.wait())
        try:
            while not self._end.is_set():
                await asyncio.wait(
                    {ending, arriving, waking}, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
                )
                if arriving.done():
                    self._handle(arriving.result())
                    arriving = asyncio.create_task(self._queue.get())
                if waking.done():
                    self._wake.clear()
                    waking = asyncio.create_task(self._wake.wait())
                for verdict in self._guards.check(clock.now(), time.monotonic()):
                    await self._obey(verdict)
        finally:
            if arriving.done():  # the ending handles what is left
                self._handle(arriving.result())
            for waiting in (ending, arriving, waking):
                waiting.cancel()
            await asyncio.gather(ending, arriving, waking, return_exceptions=True)

    def _patience(self) -> float:
        """Seconds until the guards must be asked; never long, since waiting stands still in a suspended machine."""
        due = self._guards.next()
        return LONGEST_PATIENCE if due is None else min(max(0.0, due - clock.now()), LONGEST_PATIENCE)

    async def _obey(self, verdict: Verdict) -> None:
        if isinstance(verdict, End):
            self.end(verdict.reason)
        elif isinstance(verdict, Warn):
            self._observer.warning(self, verdict.text)
        elif isinstance(verdict, Tell):
            self._observer.notice(self, verdict.text)
        else:
            await self._check_hearing(verdict)

    async def _check_hearing(self, check: CheckHearing) -> None:
        """Nobody has spoken so far: say why, and end the call in time, unless the voicebot alone is listened to."""
        problem = diagnosis(await self.sound(), self._voice.listeners(self.unwilling))
        if problem is None:
            return
        if not check.last:
            self._observer.warning(self, say("I have heard nobody yet. {problem}", problem=problem))
        elif not self._voicebot_spoke:
            text = say("I end the call, because I heard nobody. {problem}", problem=problem)
            self._observer.warning(self, text)
            self.end(EndReason.NOBODY_HEARD)

    async def _close(self) -> None:
        """Undo everything, the session first. Every step is tried whatever the others do.

        The room alone is left a moment before: one that the provider closes while we are in it leaks a thread and some
        megabytes of the SDK's, whatever is done about it afterwards (livekit 1.1.21).
        """
        assert self.machine.end_reason is not None
        leaving = asyncio.create_task(self._media_loop.run(self._media.leave_room()), name=f"call {self.id} room")
        try:
            await asyncio.wait({leaving}, timeout=LEAVING_FIRST)
        finally:
            self.closing = self._billing.end(self.machine.end_reason, self.ended_by)
        if self.session is not None and self.machine.was_live:
            self._conversation.ends(self.session.reference)
        await self._healing.cancel()
        for step in (leaving, self._media_loop.run(self._media.close()), self._voice.leave()):
            try:
                await step
            except Exception:
                log.exception("call %s: a step of the ending failed", self.id)
        await self._await_confirmation()
        self._drain_transcript()
        await self._conversation.missed_lines()
        self.machine.ended()
        log.info("call %s ended: %s", self.id, self.machine.end_reason)
        await self._observer.finished(self)

    async def _await_confirmation(self) -> None:
        if self.closing is None:
            return
        hurry = self.machine.end_reason is EndReason.SHUTDOWN
        done, _ = await asyncio.wait({self.closing}, timeout=CONFIRM_WAIT_AT_SHUTDOWN if hurry else CONFIRM_WAIT)
        if not done:
            self._observer.warning(
                self,
                say(
                    "{provider} has not confirmed the end of the session, so it may still be billing. "
                    "I keep trying until it does; the receipt follows then.",
                    provider=self.provider.title,
                ),
            )

    def _fail_start(self, error: ParleyError) -> None:
        if not self.live.done():
            self.live.set_exception(error)
            self.live.exception()  # someone may have stopped waiting; it is logged already

    # -- what happens -------------------------------------------------------------------------------------------

    def _post_from_media(self, event: MediaEvent) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def _on_voice_update(self, update: VoiceUpdate) -> None:
        """While the call is being started nobody reads the queue, and every second may be billed."""
        if self.state is CallState.CONNECTING:
            if isinstance(update, Disconnected):
                self.end(EndReason.DISCONNECTED)
            elif isinstance(update, Moved) and not self._may_be_in(update.channel_id):
                self.end(EndReason.MOVED)
        self._queue.put_nowait(update)

    def _handle(self, event: MediaEvent | VoiceUpdate) -> None:
        match event:
            case Utterance() | ShownImage() | SpeakingChanged() | AgentState():
                self._tell(event)
            case VoiceResuming():
                self._healing.broke("voice")
            case VoiceResumed():
                self._healing.healed("voice")
            case VoiceLost():
                self._healing.voice_lost(event)
            case ServerChanged() if self._may_be_in(event.server.channel_id):
                self._healing.voice_server_changed(event.server)
            case Moved() if self._may_be_in(event.channel_id):
                self._on_moved()
            case Moved() | ServerChanged():
                self.end(EndReason.MOVED)
            case Disconnected():
                # When the channel was deleted, that news comes a moment later, and is the better reason.
                self._guards.disconnected(clock.now(), DELETION_WAIT)
            case RoomReconnecting():
                self._healing.broke("room")
            case RoomReconnected():
                self._healing.healed("room")
            case RoomClosed():
                self._healing.room_closed(event, self.session)
            case VoicebotArrived():
                self.voicebot_there = True
                self._guards.voicebot_arrived()
            case VoicebotGone():
                self.voicebot_there = False
                self._guards.voicebot_gone(clock.now())
            case Undecryptable():
                self._observer.warning(self, undecryptable(event.user_id))
            case VoicebotSpeaking():
                self._voicebot_spoke = True
                self._guards.speaking(clock.now(), None, event.speaking)

    def _tell(self, event: Said) -> None:
        if isinstance(event, SpeakingChanged):
            self._healing.somebody_was_heard()
            member = self.channel.guild.get_member(event.user_id)
            if member is not None and member.bot:  # a music bot is no conversation
                self._media_loop.post(lambda: self._media.is_a_bot(event.user_id))
            else:
                self._guards.speaking(clock.now(), event.user_id, event.speaking)
        self._conversation.happened(event)

    def _drain_transcript(self) -> None:
        """Words and pictures that had arrived when the call ended still belong to it."""
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, Utterance | ShownImage):
                self._tell(event)

    def _may_be_in(self, channel_id: int) -> bool:
        """Whether the bot was there, or was moved by a moderator who may, or the call was taken there."""
        return self.settings.follow_moves or channel_id in {self.request.channel.id, *self._sent_to}

    def _on_moved(self) -> None:
        self._sent_to.discard(self.channel.id)
        if self.channel.id != self.request.channel.id:  # or it is back already
            self.request = replace(self.request, channel=self.channel)
            self._observer.moved(self)
