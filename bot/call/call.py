"""One call, from the wish to talk to the receipt.

One task, `run`, owns everything the call opens and closes it on every way out. What happens (from Discord, the media
loop, timers, people) arrives as messages in one queue and is handled in order.

Order of opening: everything free first (Discord's voice server, DAVE keys), then the session, which bills from its
first second, then the room. Order of closing: the session first.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.config.model import ServerSettings
from bot.errors import BadAnswer, ParleyError, ProviderError
from bot.media.events import (
    MediaEvent,
    SpeakingChanged,
    VoiceLost,
    VoiceResumed,
    VoiceResuming,
)
from bot.media.loop import MediaLoop
from bot.media.session import MediaSession, SoundReport, SoundSettings
from bot.provider import Provider, SessionEnd, ShownImage, Utterance, VoicebotSession
from bot.room.events import (
    AgentState,
    RoomClosed,
    RoomEnd,
    RoomReconnected,
    RoomReconnecting,
    VoicebotArrived,
    VoicebotGone,
)
from bot.voice.close_codes import Remedy
from bot.voice.handshake import Disconnected, ServerChanged, VoiceUpdate

from .closing import end_session
from .events import CallObserver, Receipt, TranscriptLine
from .speech import SpeechLedger
from .state import CallState, CallStateMachine, EndReason
from .voice_link import VoiceChannel, VoiceLink

log = logging.getLogger(__name__)

GATEWAY_WAIT = 5.0  # seconds for the main gateway to explain a 4014
#: Seconds the receipt waits for the provider to confirm the end; after that it says so and the closing goes on.
CONFIRM_WAIT = 15.0
CONFIRM_WAIT_AT_SHUTDOWN = 5.0

T = TypeVar("T")


class _Ending(Exception):
    """The call is to end while a step of its start was waited for."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What a call is asked for with."""

    channel: VoiceChannel
    text_channel_id: int
    starter_id: int
    voicebot: str
    participant: str


class Call:
    """A call. Create it, `await run()` in a task, and read its state from anywhere on the main loop."""

    def __init__(
        self,
        request: CallRequest,
        settings: ServerSettings,
        provider: Provider,
        media_loop: MediaLoop,
        observer: CallObserver,
    ) -> None:
        self.id = secrets.token_hex(4)
        self.request = request
        self.settings = settings
        self.provider = provider
        self.session: VoicebotSession | None = None
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
            SoundSettings(settings.jitter_buffer_ms / 1000, settings.bitrate_kbps * 1000),
            read_packet=provider.read_packet,
            post=self._post_from_media,
        )
        self._voice = VoiceLink(request.channel, media_loop, self._media, self._queue.put_nowait)
        self._loop = asyncio.get_running_loop()
        self._speech = SpeechLedger()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._repairs: dict[str, asyncio.Task[None]] = {}  # by side
        self._rejoined_room = False
        self._opened_at: float | None = None
        self._closed_at: float | None = None

    # -- what others may ask ------------------------------------------------------------------------------------

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
        if self._opened_at is None:
            return 0.0
        return (self._closed_at or time.monotonic()) - self._opened_at

    @property
    def billed_minutes(self) -> int:
        """Our own count: every begun minute, the first one at once; 0 when no session was opened."""
        return 0 if self._opened_at is None else max(1, math.ceil(self.elapsed / 60))

    async def sound(self) -> SoundReport:
        """The media loop's counters."""
        return await self._media_loop.run(self._media.report())

    def end(self, reason: EndReason, by: int | None = None) -> None:
        """Ask the call to end; the first reason stands."""
        if self.machine.end(reason):
            self.ended_by = by
            self._end.set()

    def occupancy(self, humans: int) -> None:
        """How many people are in the channel now. Nobody for the grace ends the call; a return keeps it."""
        if humans:
            self._cancel_timer("empty")
        elif "empty" not in self._timers and not self._end.is_set():
            self._start_timer("empty", self.settings.empty_channel_grace, EndReason.EMPTY)

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """The whole call. Never raises but for cancellation; `live` carries what went wrong at the start."""
        announced = False
        try:
            await self._observer.starting(self)
            await self._connect()
            announced = True
            self.machine.connected()
            self._observer.started(self)
            if not self.live.done():
                self.live.set_result(None)
            await self._live()
        except _Ending:
            self._fail_start(ParleyError("The call was ended before it had begun."))
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
                    for_user="Something went wrong inside the bot, and the session was closed. "
                    "The operator's log says what.",
                )
            )
        finally:
            self.machine.end(EndReason.FAILED)
            self._end.set()
            await self._close(announced)

    async def _connect(self) -> None:
        await self._or_end(self._voice.connect())
        await self._open_session()
        assert self.session is not None
        await self._or_end(self._media_loop.run(self._media.join_room(self.session.room_url, self.session.room_token)))
        self._start_timer("voicebot", self.settings.voicebot_arrival, EndReason.VOICEBOT_MISSING)

    async def _open_session(self) -> None:
        """The POST. It is never cancelled half-way: its answer is all that can end what it opened."""
        if self._end.is_set():
            raise _Ending
        asked_at = time.monotonic()
        opening = asyncio.create_task(self.provider.open_session(self.request.voicebot, self.request.participant))
        try:
            self.session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(ParleyError):
                self.session = await opening
            self._opened_at = asked_at
            raise
        except ProviderError as error:
            self._opened_at = asked_at if error.may_have_opened else None
            if isinstance(error, BadAnswer) and error.reference is not None:
                self.session = VoicebotSession(error.reference, "", "")
            elif error.may_have_opened:
                log.error("a session may be open and billed that we have no name to end by: %s", error)
            raise
        self._opened_at = asked_at
        if self._end.is_set():
            raise _Ending

    async def _live(self) -> None:
        """Handle what happens until the call is to end."""
        ending = asyncio.create_task(self._end.wait())
        try:
            while not self._end.is_set():
                arriving = asyncio.create_task(self._queue.get())
                await asyncio.wait({ending, arriving}, return_when=asyncio.FIRST_COMPLETED)
                if arriving.done():
                    self._handle(arriving.result())
                else:
                    arriving.cancel()
        finally:
            ending.cancel()

    async def _close(self, announced: bool) -> None:
        """Undo everything, the session first. Every step is tried whatever the others do."""
        for name in list(self._timers):
            self._cancel_timer(name)
        closing = None
        if self.session is not None:
            closing = asyncio.create_task(end_session(self.provider, self.session.reference))
            closing.add_done_callback(self._on_closed)
        for repair in self._repairs.values():
            repair.cancel()
        await asyncio.gather(*self._repairs.values(), return_exceptions=True)
        for step in (self._media_loop.run(self._media.close()), self._voice.leave()):
            try:
                await step
            except Exception:
                log.exception("call %s: a step of the ending failed", self.id)
        try:
            end = await self._confirmed(closing)
            self._drain_transcript()
            self._name_reason()
            self.machine.ended()
            log.info("call %s ended: %s", self.id, self.machine.end_reason)
            if announced:
                await self._observer.ended(self, self._receipt(end))
            else:
                await self._observer.forget(self)
            if closing is not None:
                await closing
        except asyncio.CancelledError:  # the process must go; whoever cancels says what that may cost
            if closing is not None:
                closing.cancel()
            raise

    async def _confirmed(self, closing: "asyncio.Task[SessionEnd] | None") -> SessionEnd | None:
        if closing is None:
            return None
        hurry = self.machine.end_reason is EndReason.SHUTDOWN
        done, _ = await asyncio.wait({closing}, timeout=CONFIRM_WAIT_AT_SHUTDOWN if hurry else CONFIRM_WAIT)
        return closing.result() if done else None

    def _on_closed(self, _: "asyncio.Task[SessionEnd]") -> None:
        self._closed_at = time.monotonic()

    def _receipt(self, end: SessionEnd | None) -> Receipt:
        assert self.machine.end_reason is not None
        return Receipt(
            reason=self.machine.end_reason,
            ended_by=self.ended_by,
            started_at=self.started_at,
            duration=self.elapsed,
            billed_minutes=self.billed_minutes,
            credits=None if end is None else end.credits,
            confirmed=end is not None or self.session is None,
        )

    def _name_reason(self) -> None:
        """A deleted channel looks like a kick at first; by now the cache knows."""
        if self.machine.end_reason is EndReason.DISCONNECTED:
            guild = self.request.channel.guild
            if guild.get_channel(self.channel.id) is None:
                self.machine.end_reason = EndReason.CHANNEL_DELETED

    def _fail_start(self, error: ParleyError) -> None:
        if not self.live.done():
            self.live.set_exception(error)
            self.live.exception()  # someone may have stopped waiting; it is logged already

    async def _or_end(self, step: Coroutine[Any, Any, T]) -> T:
        """A step of the start, given up when the call is to end."""
        task = asyncio.ensure_future(step)
        ending = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise _Ending
        finally:
            for waiting in (task, ending):
                waiting.cancel()
            await asyncio.gather(task, ending, return_exceptions=True)

    # -- what happens -------------------------------------------------------------------------------------------

    def _post_from_media(self, event: MediaEvent) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def _handle(self, event: MediaEvent | VoiceUpdate) -> None:
        match event:
            case Utterance() | ShownImage() | SpeakingChanged() | AgentState():
                self._tell(event)
            case VoiceResuming():
                self._broke("voice")
            case VoiceResumed():
                self._healed("voice")
            case VoiceLost():
                self._on_voice_lost(event)
            case ServerChanged():
                self._on_server_changed(event)
            case Disconnected():
                self.end(EndReason.DISCONNECTED)
            case RoomReconnecting():
                self._broke("room")
            case RoomReconnected():
                self._healed("room")
            case RoomClosed():
                self._on_room_closed(event)
            case VoicebotArrived():
                self._cancel_timer("voicebot")
            case VoicebotGone():
                self._start_timer("voicebot", self.settings.voicebot_return, EndReason.VOICEBOT_GONE)

    def _tell(self, event: Utterance | ShownImage | SpeakingChanged | AgentState) -> None:
        if isinstance(event, SpeakingChanged):
            if event.speaking:
                self._speech.started(event.user_id, event.at)
            else:
                self._speech.stopped(event.user_id, event.at)
            self._observer.speaking(self, event.user_id, event.speaking)
        elif isinstance(event, Utterance):
            speakers: tuple[int, ...] = ()
            if event.final and event.role == "user":
                speakers = self._speech.claim(time.monotonic())
            line = TranscriptLine(event.role, event.text, event.final, speakers)
            self._observer.transcript(self, line)
        elif isinstance(event, ShownImage):
            self._observer.image(self, event)
        else:
            self._observer.agent_state(self, event.state)

    def _drain_transcript(self) -> None:
        """Words and pictures that had arrived when the call ended still belong to it."""
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, Utterance | ShownImage):
                self._tell(event)

    def _on_room_closed(self, event: RoomClosed) -> None:
        reasons = {
            RoomEnd.ENDED_BY_PROVIDER: EndReason.ROOM_ENDED,
            RoomEnd.REPLACED: EndReason.ROOM_REPLACED,
            RoomEnd.CONNECTION_LOST: EndReason.ROOM_LOST,
        }
        if event.reason is RoomEnd.CONNECTION_LOST and self._may_rejoin_room():
            self._rejoined_room = True
            self._broke("room")
            self._start_repair("room", self._rejoin_room())
        else:
            self.end(reasons[event.reason])

    def _may_rejoin_room(self) -> bool:
        """Once, when LiveKit's own repairs have failed, and only with a token that is still good for joining."""
        if self._rejoined_room or self.session is None:
            return False
        expires_at = self.session.expires_at
        return expires_at is None or expires_at > datetime.now(UTC)

    async def _rejoin_room(self) -> None:
        assert self.session is not None
        await self._media_loop.run(self._media.join_room(self.session.room_url, self.session.room_token))
        self._start_timer("voicebot", self.settings.voicebot_return, EndReason.VOICEBOT_GONE)

    def _on_voice_lost(self, lost: VoiceLost) -> None:
        if not self._voice.is_current(lost.server):
            return  # Discord has named another server meanwhile, and that one is being connected
        log.info("call %s: voice lost (%s)", self.id, lost.meaning)
        self._broke("voice")
        if lost.remedy is Remedy.GIVE_UP:
            self.end(EndReason.VOICE_LOST)
        elif lost.remedy is Remedy.AWAIT_GATEWAY:
            # Kicked, moved or a new server: the main gateway tells in a moment, and then this is cancelled.
            self._start_repair("voice", self._voice.rejoin(after=GATEWAY_WAIT))
        else:
            self._start_repair("voice", self._voice.rejoin())

    def _on_server_changed(self, event: ServerChanged) -> None:
        if event.server.channel_id != self.request.channel.id:
            if not self.settings.follow_moves:
                self.end(EndReason.MOVED)
                return
            self.request = replace(self.request, channel=self.channel)
        self._broke("voice")
        self._start_repair("voice", self._voice.reconnect(event.server))

    def _start_repair(self, side: str, repair: Coroutine[Any, Any, None]) -> None:
        """One repair per side; a new one replaces the old one."""
        before = self._repairs.get(side)
        if before is not None:
            before.cancel()
        task = self._repairs[side] = asyncio.create_task(repair, name=f"call {self.id} {side} repair")
        task.add_done_callback(lambda done: self._on_repair_done(side, done))

    def _on_repair_done(self, side: str, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.warning("call %s: the %s connection could not be restored: %s", self.id, side, error)
            self.end(EndReason.VOICE_LOST if side == "voice" else EndReason.ROOM_LOST)
        else:
            self._healed(side)

    # -- timers and repairs -------------------------------------------------------------------------------------

    def _broke(self, side: str) -> None:
        if self.machine.state is CallState.LIVE:
            lost = EndReason.VOICE_LOST if side == "voice" else EndReason.ROOM_LOST
            self._start_timer("reconnect", self.settings.reconnect_limit, lost)
        self.machine.broke(side)

    def _healed(self, side: str) -> None:
        self.machine.healed(side)
        if self.machine.state is not CallState.RECONNECTING:
            self._cancel_timer("reconnect")

    def _start_timer(self, name: str, seconds: float, reason: EndReason) -> None:
        self._cancel_timer(name)
        self._timers[name] = self._loop.call_later(seconds, self.end, reason)

    def _cancel_timer(self, name: str) -> None:
        handle = self._timers.pop(name, None)
        if handle is not None:
            handle.cancel()
