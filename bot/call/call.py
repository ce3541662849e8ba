"""One call, from the command to the receipt.

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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot import clock
from bot.access.permissions import PermissionMonitor
from bot.access.voice_channel import VoiceChannel
from bot.billing.billed_session import BilledSession
from bot.billing.closing import confirmed
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord
from bot.billing.limits import Allowance
from bot.cancellation import StepCancelled, cancel_when
from bot.config.load import Config
from bot.errors import ParleyError, VoiceError
from bot.language import say
from bot.media.consent import Consent
from bot.media.events import (
    MediaEvent,
    SpeakingChanged,
    Undecryptable,
    Unowned,
    VoicebotSpeaking,
    VoiceLost,
    VoiceResumed,
    VoiceResuming,
)
from bot.media.report import SoundReport
from bot.media.tap import AudioTap
from bot.provider import Provider, ShownImage, Utterance, VoicebotSession
from bot.recorder.events import StateChanged
from bot.recorder.exchanges import observer
from bot.room.events import AgentState, RoomClosed, RoomReconnected, RoomReconnecting, VoicebotArrived, VoicebotGone
from bot.voice.handshake import Disconnected, Moved, ServerChanged, VoiceUpdate

from .connection.media import CallMedia
from .connection.reconnector import Reconnector
from .connection.sound_settings import interrupters, sound_settings
from .conversation import Conversation
from .events import CallMoved, CallStarted, HandedOver, NoticeGiven, WarningGiven
from .guards import Guards
from .hearing import UNOWNED, Listeners, undecryptable
from .inbox import Inbox
from .moves import Moves
from .participants import Participants
from .request import CallRequest, Requested
from .services import CallServices
from .state import CallState, CallStateMachine
from .supervision import Supervision
from .turns import Turn

log = logging.getLogger(__name__)

DELETION_TIMEOUT = 0.25  # seconds
#: Seconds that the end of a session may wait for its room to be left; it takes a few milliseconds.
LEAVE_TIMEOUT = 0.1

T = TypeVar("T")


class Call(Requested):
    """A call. Create it, `await run()` in a task, and read its state from anywhere on the main loop.

    It has more attributes than other classes: each is a part of the call that is a class of its own, and what connects
    them is here alone.
    """

    def __init__(
        self,
        request: CallRequest,
        config: Config,
        provider: Provider,
        services: CallServices,
        limits: "Callable[[Call], Awaitable[Allowance | None]]",
    ) -> None:
        self.id = secrets.token_hex(6)
        self.request = request
        #: What was in force when the call began.
        self.config = config
        self.settings = settings = config.server(request.channel.guild.id)
        self.provider = provider
        #: What happens in this call is reported to it.
        self.recorder = services.new_recorder(self.id, settings)
        self.machine = CallStateMachine(
            lambda state, reason: self.recorder.note(StateChanged(state.name, None if reason is None else reason.name))
        )
        #: What ends the session and returns its closed record; None when no session was opened.
        self.closing: asyncio.Task[SessionRecord] | None = None
        self._billing = BilledSession(
            request.intent(self.id, settings, provider.account), services.opener, services.closer
        )
        self.started_at = datetime.now(UTC)
        self.ended_by: int | None = None
        #: Done when the call is live; holds the error if the call could not start.
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._observer = services.observer
        self._inbox: Inbox[MediaEvent | VoiceUpdate] = Inbox()
        self._media = CallMedia(
            request.channel,
            settings,
            sound_settings(settings, request.starter_id),
            replace(services.engine, recorder=self.recorder),
            read_packet=provider.read_packet,
            on_event=self._inbox.put,
            on_voice_update=self._on_voice_update,
        )
        self._conversation = Conversation(self, services.observer)
        self._limits = limits
        #: How long it may last; None is for ever.
        self.allowance: Allowance | None = None
        self.participants = Participants(Consent(ask_first=settings.consent == "asked", hear_bots=settings.hear_bots))
        self._guards = Guards(settings)
        self._supervision = Supervision(self, self._guards, services.observer)
        self._reconnector = Reconnector(
            f"call {self.id}",
            self._media.voice,
            self._join_room,
            self.machine,
            self._guards,
            warn=self._warn,
            end=self.end,
        )
        self._permissions = PermissionMonitor()
        #: User id of the host, who may end the call and may interrupt the voicebot: the starter, until they leave.
        self.host_id = request.starter_id
        self._moves = Moves(request.channel.id, follow=settings.follow_moves)

    # -- what others may ask ------------------------------------------------------------------------------------

    @property
    def session(self) -> VoicebotSession | None:
        """The open session, once there is one."""
        return self._billing.session

    @property
    def channel(self) -> VoiceChannel:
        """Where the bot is; it can be moved."""
        return self._media.voice.channel

    @property
    def voicebot_name(self) -> str:
        """What to call the voicebot: the server's word, else the provider's unless that is only its id."""
        if self.settings.voicebot_name:
            return self.settings.voicebot_name
        told = None if self.session is None else self.session.voicebot_name
        return told if told and told != self.voicebot else "Voicebot"

    @property
    def state(self) -> CallState:
        """The state it is in now."""
        return self.machine.state

    @property
    def elapsed(self) -> float:
        """Seconds the session has been billed for so far."""
        return self._billing.elapsed

    @property
    def billed_minutes(self) -> int:
        """The billed minutes by our own count: every begun minute, the first one at once; 0 when no session was
        opened."""
        return self._billing.minutes

    async def move_to(self, channel: VoiceChannel) -> None:
        """Take the call along to another voice channel of its server; its people were told there, or will be."""
        if self.state is CallState.LIVE:  # nobody would leave the channel for a call that is over
            self._moves.send_to(channel.id, clock.now())
            await channel.guild.change_voice_state(channel=channel)

    async def sound_report(self) -> SoundReport:
        """Return the media loop's counters for this call as they stand; VoiceError when it does not answer."""
        return await self._answer(self._media.report())

    async def present(self) -> frozenset[int] | None:
        """Return the user ids of those at the voice server, as far as it has told; None without a voice session.
        VoiceError when the media loop does not answer."""
        return await self._answer(self._media.present())

    async def _answer(self, question: Coroutine[Any, Any, T]) -> T:
        """Return the media loop's answer. If it does not answer, it carries no sound either, and the call ends."""
        try:
            return await question
        except TimeoutError:
            log.error("call %s: the media loop does not answer, so nobody is heard", self.id)
            self.end(EndReason.FAILED)
            raise VoiceError("the media loop does not answer") from None

    def listeners(self) -> Listeners:
        """Count the people in the channel who cannot or do not want to be heard."""
        return self._media.voice.listeners(self.consent.allows)

    @property
    def since_heard(self) -> float | None:
        """Seconds since somebody in the channel was heard; 0 while they speak, None for never."""
        return self.participants.since_heard(clock.now())

    @property
    def turns(self) -> Sequence[Turn]:
        """The last answers of the voicebot, and how long each took, oldest first."""
        return self._conversation.turns

    @property
    def consent(self) -> Consent:
        """What people said about being heard in this call."""
        return self.participants.consent

    @property
    def voicebot_there(self) -> bool:
        """Whether the voicebot is in its room."""
        return self.participants.voicebot_there

    async def listen(self) -> AudioTap:
        """Return a copy of the sound of both sides, from now to the end of the call: `async for sound in await
        call.listen()`.

        Whoever reads it must be able to say what it is for: people read in the channel that the voicebot hears them.
        """
        return await self._media.listen()

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Set whether somebody wants to be heard in this call."""
        self.consent.set(user_id, given)
        await self._media.set_consent(user_id, given)

    def end(self, reason: EndReason, by: int | None = None) -> None:
        """Ask the call to end; the first reason stands."""
        if self.machine.end(reason):
            self.ended_by = by
            self._inbox.close()

    def on_occupancy(self, people: int) -> None:
        """Take in how many people are in the channel now. Nobody for the grace ends the call; a return keeps it."""
        self._guards.on_occupancy(clock.now(), people)
        self._inbox.wake()

    def update_bots(self) -> None:
        """Find out which members of the channel are bots; the server's settings say whether they are heard."""
        bots = self._media.voice.bots
        if bots != self.consent.bots:
            self.consent.set_bots(bots)
            self._media.set_bots(bots)

    def hand_over(self, user_id: int) -> None:
        """Make somebody else the host, since the host has left the channel: they may end the call, and interrupt the
        voicebot."""
        before, self.host_id = self.host_id, user_id
        log.info("call %s: user %d is its host now", self.id, user_id)
        self._observer.publish(self, HandedOver(before))
        self._media.set_interrupters(interrupters(self.settings, user_id))

    def check_permissions(self) -> None:
        """Tell people once what no longer works, after a change of permissions, of the bot's own voice state or of the
        channel."""
        self._media.voice.retune()
        guild = self.channel.guild
        wrong, well = self._permissions.update(self.channel, guild.get_channel_or_thread(self.text_channel_id))
        for text in wrong:
            log.warning("call %s: %s", self.id, text)
            self._warn(text)
        for text in well:
            self._observer.publish(self, NoticeGiven(text))

    def on_gateway(self, *, connected: bool) -> None:
        """Take in that Discord's main gateway was lost, or is back. Sound goes on meanwhile."""
        if connected:
            self._guards.on_recovered(clock.now(), "gateway")
        else:
            self._guards.on_lost(clock.now(), "gateway")
        self._inbox.wake()

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the whole call. Raises nothing but cancellation; `live` carries what went wrong at the start."""
        if self.recorder.active:
            observer.set(self.recorder.note)  # for the requests of this task, and of those that it starts
        try:
            self.allowance = await self._limits(self)
            await self._observer.starting(self)
            await self._connect()
            self.machine.on_connected()
            self._guards.on_live(clock.now())
            self._observer.publish(self, CallStarted())
            self.check_permissions()  # a mute may be left over from some other time
            if not self.live.done():
                self.live.set_result(None)
            await self._live()
        except StepCancelled:
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
                        "Something went wrong inside the bot, and I end the call. The operator's log says what."
                    ),
                )
            )
        finally:
            self.machine.end(EndReason.FAILED)
            self._inbox.close()
            self._fail_start(ParleyError(say("The bot is being restarted.")))  # to nobody, unless this was cancelled
            await self._close()

    async def _connect(self) -> None:
        self.update_bots()
        await cancel_when(self._inbox.closed, self._media.voice.connect())
        self.update_bots()
        session = await self._open_session()
        await cancel_when(self._inbox.closed, self._join_room(session))

    async def _join_room(self, session: VoicebotSession) -> None:
        await self._media.join_room(session.room_url, session.room_token)

    async def _open_session(self) -> VoicebotSession:
        """Open the session (the POST). It is not given up when the call is to end meanwhile."""
        if self._inbox.closed.is_set():
            raise StepCancelled
        session = await self._billing.open(self.request.participant)
        if self.allowance is not None:
            allowance, elapsed = self.allowance, self.elapsed
            self._guards.set_allowance(
                clock.now(), allowance.seconds - elapsed, allowance.whose, allowance.reason, allowance.spent + elapsed
            )
        if self._inbox.closed.is_set():
            raise StepCancelled
        return session

    async def _live(self) -> None:
        """Process events and check deadlines until the call ends."""
        await self._inbox.run(handle=self._handle, look=self._supervision.check, max_wait=self._supervision.until_next)

    def _warn(self, text: str) -> None:
        self.recorder.happened(WarningGiven(text))
        self._observer.publish(self, WarningGiven(text))

    async def _close(self) -> None:
        """Undo everything, the session first. Every step is tried whatever the others do.

        Only the room is left shortly before the session ends: a room that the provider closes while we are in it leaks
        a thread and some megabytes in the SDK, which nothing frees afterwards (livekit 1.1.21).
        """
        assert self.machine.end_reason is not None
        leaving = asyncio.create_task(self._media.leave_room(), name=f"call {self.id} room")
        try:
            await asyncio.wait({leaving}, timeout=LEAVE_TIMEOUT)
        finally:
            self.closing = self._billing.end(self.machine.end_reason, self.ended_by)
        if self.session is not None and self.machine.was_live:
            self._conversation.begin_catch_up(self.session.reference)
        await self._attempt(self._reconnector.cancel())
        await self._attempt(leaving)
        if self.recorder.active:
            await self._attempt(self._record_sound())
        await self._attempt(self._media.close())
        await self._attempt(self._media.voice.leave())
        await self._attempt(self._await_confirmation())
        await self._attempt(self._publish_what_is_left())
        self.machine.on_ended()
        log.info("call %s ended: %s", self.id, self.machine.end_reason)
        await self._attempt(self._observer.finished(self))

    async def _record_sound(self) -> None:
        self.recorder.happened(await self._media.report())

    async def _attempt(self, step: Awaitable[None]) -> None:
        """Take one step of the end; if it fails, the others are still taken."""
        try:
            await step
        except Exception:
            log.exception("call %s: a step of the ending failed", self.id)

    async def _await_confirmation(self) -> None:
        if self.closing is None or await confirmed(self.closing, hurry=self.machine.end_reason is EndReason.SHUTDOWN):
            return
        self._warn(
            say(
                "{provider} has not confirmed the end of the session, so it may still be billing. "
                "I keep trying until it does; the receipt follows then.",
                provider=self.provider.title,
            )
        )

    def _fail_start(self, error: ParleyError) -> None:
        if not self.live.done():
            self.live.set_exception(error)
            self.live.exception()  # someone may have stopped waiting; it is logged already

    # -- what happens -------------------------------------------------------------------------------------------

    def _on_voice_update(self, update: VoiceUpdate) -> None:
        """End a call that is still starting at once, since nothing reads the queue then and it may be billed."""
        if self.state is CallState.CONNECTING:
            if isinstance(update, Disconnected):
                self.end(EndReason.DISCONNECTED)
            elif isinstance(update, Moved) and not self._may_be_in(update.channel_id):
                self.end(EndReason.MOVED)
        self._inbox.put(update)

    def _handle(self, event: MediaEvent | VoiceUpdate) -> None:
        self.recorder.happened(event)
        match event:
            case Utterance() | ShownImage() | AgentState():
                self._conversation.publish(event, time.monotonic())
            case SpeakingChanged():
                self._on_speaking(event)
            case VoiceResuming():
                self._reconnector.on_lost("voice")
            case VoiceResumed():
                self._reconnector.on_recovered("voice")
            case VoiceLost():
                self._reconnector.on_voice_lost(event)
            case ServerChanged() if self._may_be_in(event.server.channel_id):
                self._reconnector.on_voice_server_changed(event.server)
            case Moved() if self._may_be_in(event.channel_id):
                self._on_moved()
            case Moved() | ServerChanged():
                self.end(EndReason.MOVED)
            case Disconnected():
                # When the channel was deleted, that news comes a moment later, and is the better reason.
                self._guards.on_disconnected(clock.now(), DELETION_TIMEOUT)
            case RoomReconnecting():
                self._reconnector.on_lost("room")
            case RoomReconnected():
                self._reconnector.on_recovered("room")
            case RoomClosed():
                self._reconnector.on_room_closed(event, self.session)
            case VoicebotArrived():
                self.participants.voicebot_there = True
                self._guards.on_voicebot_arrived()
            case VoicebotGone():
                self.participants.voicebot_there = False
                self._guards.on_voicebot_gone(clock.now())
            case Unowned():
                self._warn(UNOWNED)
            case Undecryptable():
                self._warn(undecryptable(event.user_id))
            case VoicebotSpeaking():
                self.participants.voicebot_spoke = True
                if (turn := self._conversation.on_voicebot(event)) is not None:
                    self.recorder.happened(turn)
                self._guards.on_speaking(clock.now(), None, event.speaking)

    def _on_speaking(self, event: SpeakingChanged) -> None:
        self._reconnector.on_heard()
        self.participants.on_speaking(event.user_id, event.speaking, clock.now())
        if event.user_id not in self.consent.bots:  # a music bot is no conversation
            self._guards.on_speaking(clock.now(), event.user_id, event.speaking)
        self._conversation.publish(event, time.monotonic())

    async def _publish_what_is_left(self) -> None:
        """Words and pictures that had arrived when the call ended still belong to it, and those that were missed."""
        for event in self._inbox.drain():
            if isinstance(event, Utterance | ShownImage):
                self._conversation.publish(event, time.monotonic())
        await self._conversation.publish_missed_lines()

    def _may_be_in(self, channel_id: int) -> bool:
        return self._moves.may_be_in(channel_id, clock.now())

    def _on_moved(self) -> None:
        if self._moves.on_arrived(self.channel.id):
            self.request = replace(self.request, channel=self.channel)
            self._observer.publish(self, CallMoved())
