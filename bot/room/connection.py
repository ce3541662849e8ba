"""A LiveKit room from the bot's side: one published track, one voicebot, messages both ways of arriving.

Runs on the media loop. Sources: https://docs.livekit.io/home/client/events/ and, for text streams,
https://docs.livekit.io/home/client/data/text-streams/ (topic `lk.transcription`).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

import numpy as np
from livekit import rtc

from bot.errors import RoomError
from bot.language import say
from bot.provider import RoomMessage, Utterance
from bot.recorder.recorder import NOT_RECORDED, Recorder
from bot.task_failures import log_failure

from .events import (
    AgentState,
    RoomClosed,
    RoomEnd,
    RoomEvent,
    RoomReconnected,
    RoomReconnecting,
    TrackGone,
    VoicebotArrived,
    VoicebotGone,
)
from .microphone import FRAME_MS, SAMPLE_RATE, Frame, Microphone
from .rate_limit import MessageRateLimit
from .reports import RoomReports
from .stats import FeedStats
from .text_streams import TOPIC as TRANSCRIPTION_TOPIC
from .text_streams import TextStreams
from .transcript_source import Source, TranscriptSource

log = logging.getLogger(__name__)

JOIN_TIMEOUT = 15.0  # seconds
AGENT_SESSION_TOPIC = "lk.agent.session"
AGENT_STATE = "lk.agent.state"
#: Its values, by livekit-agents' documentation of a voice AI's state.
AGENT_STATES = frozenset({"initializing", "idle", "listening", "thinking", "speaking"})


class RoomConnection:
    """One stay in a LiveKit room: join once, leave once. Callbacks run on the media loop; `on_frame` takes a track's
    sid and 20 ms of it."""

    def __init__(
        self,
        *,
        read_packet: Callable[[bytes], Sequence[RoomMessage]],
        on_frame: Callable[[str, Frame], None],
        on_message: Callable[[RoomMessage], None],
        on_event: Callable[[RoomEvent], None],
        outlive: Callable[[Coroutine[Any, Any, None]], None],
        recorder: Recorder = NOT_RECORDED,
    ) -> None:
        """`outlive` runs something to its end, whatever becomes of this object."""
        self._reports = RoomReports(recorder)
        self._read_packet = read_packet
        self._on_frame = on_frame
        self._on_message = on_message
        self._on_event = on_event
        self._outlive = outlive
        self._room = rtc.Room()
        #: The track on which the room hears people.
        self.microphone = Microphone()
        self._transcript = TranscriptSource()
        self._streams = TextStreams(self._on_transcription, self._is_ours)
        self._rate_limit = MessageRateLimit()
        self._listeners: dict[str, asyncio.Task[None]] = {}  # by track sid
        self._leaving = False
        self._callbacks: dict[Any, Callable[..., None]] = {
            "track_subscribed": self._on_track,
            "track_unsubscribed": self._on_track_gone,
            "participant_attributes_changed": self._on_attributes,
            "participant_connected": self._on_participant,
            "participant_disconnected": self._on_participant_gone,
            "data_received": self._on_data,
            "reconnecting": lambda: self._on_event(RoomReconnecting()),
            "reconnected": lambda: self._on_event(RoomReconnected()),
            "disconnected": self._on_disconnected,
        }

    async def join(self, url: str, token: str) -> None:
        """Connect and publish the microphone track; RoomError when that does not work."""
        room = self._room
        for event, callback in self._callbacks.items():
            room.on(event, callback)
        room.register_text_stream_handler(TRANSCRIPTION_TOPIC, self._on_text_stream)
        # livekit-agents sends its own telemetry here; without a handler the SDK logs a line for each.
        room.register_byte_stream_handler(AGENT_SESSION_TOPIC, lambda reader, identity: None)
        connecting = asyncio.create_task(room.connect(url, token, rtc.RoomOptions(auto_subscribe=True)), name="connect")
        try:
            async with asyncio.timeout(JOIN_TIMEOUT):
                await asyncio.shield(connecting)
                await self.microphone.publish(room.local_participant)
        except rtc.ConnectError as error:
            raise self._failed("refused") from error
        except TimeoutError as error:
            raise self._failed("timed out") from error
        finally:
            if not connecting.done():
                self._leaving = True
                self._outlive(_undo(room, connecting))
        for participant in room.remote_participants.values():
            self._on_participant(participant, "there")

    def _failed(self, why: str) -> RoomError:
        return RoomError(
            f"joining the LiveKit room failed: {why}",
            for_user=say("The voicebot's room could not be joined. I end its session; the receipt says when it is."),
        )

    async def leave(self) -> None:
        """Leave the room and stop every task; safe to call at any time. It does not wait for a join to fail."""
        self._leaving = True
        listeners = list(self._listeners.values())
        for task in listeners:
            task.cancel()
        await asyncio.gather(self.microphone.stop(), *listeners, return_exceptions=True)
        self._listeners.clear()
        await self._streams.stop()
        try:
            await self._room.disconnect()
            await self.microphone.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Break the reference cycle with the room: otherwise all that the SDK holds for it would stay in memory until
        the garbage collector runs, which does not know of the SDK's memory."""
        for event, callback in self._callbacks.items():
            self._room.off(event, callback)
        self._callbacks.clear()
        self._room.unregister_text_stream_handler(TRANSCRIPTION_TOPIC)
        self._room.unregister_byte_stream_handler(AGENT_SESSION_TOPIC)

    # -- sound --------------------------------------------------------------------------------------------------

    @property
    def held(self) -> float:
        """Seconds of sound that wait, here and in the SDK, for their turn."""
        return self.microphone.held

    @property
    def stats(self) -> FeedStats:
        """What has become of what was fed."""
        return self.microphone.stats

    def feed(self, frame: Frame) -> None:
        """Send 20 ms of what people say; see `Microphone.put`."""
        self.microphone.put(frame)

    async def _listen(self, sid: str, track: rtc.Track) -> None:
        try:
            stream = rtc.AudioStream.from_track(
                track=track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=FRAME_MS
            )
        except AssertionError:  # how the SDK says that the track was gone before we came to it
            return
        try:
            async for event in stream:
                self._on_frame(sid, np.frombuffer(event.frame.data, np.int16))
        finally:
            await stream.aclose()

    # -- events -------------------------------------------------------------------------------------------------

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        self._reports.track("came", track, participant)
        if self._leaving or track.kind != rtc.TrackKind.KIND_AUDIO or not self._is_voicebot(participant):
            return
        first = not self._listeners
        task = asyncio.create_task(self._listen(publication.sid, track), name="room listener")
        self._listeners[publication.sid] = task
        task.add_done_callback(lambda done: self._on_listener_done(publication.sid, done))
        if first:
            self._on_event(VoicebotArrived())

    def _is_voicebot(self, participant: rtc.Participant) -> bool:
        """Return whether it is an agent by its token; when the room has none, anyone else with an audio track is
        one."""
        if participant.identity == self._identity:
            return False
        agent = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        if participant.kind == agent:
            return True
        return all(other.kind != agent for other in self._room.remote_participants.values())

    def _on_track_gone(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        self._reports.track("gone", track, participant)
        task = self._listeners.get(publication.sid)
        if task is not None:
            task.cancel()

    def _on_listener_done(self, sid: str, task: asyncio.Task[None]) -> None:
        if self._listeners.get(sid) is task:
            del self._listeners[sid]
            self._on_event(TrackGone(sid))
            if not self._listeners and not self._leaving:
                self._on_event(VoicebotGone())
        log_failure(log, task, "reading the voicebot's track failed")

    def _on_participant(self, participant: rtc.RemoteParticipant, what: Literal["there", "joined"] = "joined") -> None:
        """Attributes that were set before we saw the participant change no more: read them now."""
        self._reports.participant(what, participant)
        self._on_attributes(participant.attributes, participant)

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        state = participant.attributes.get(AGENT_STATE)
        if AGENT_STATE not in changed or state not in AGENT_STATES or not self._is_voicebot(participant):
            return
        if self._accepts(participant.identity, len(state)):
            self._on_event(AgentState(state))

    def _on_participant_gone(self, participant: rtc.RemoteParticipant) -> None:
        """Forget the participant's segments, since a new participant numbers its own from the start."""
        self._reports.participant("left", participant)
        self._transcript.forget(participant.identity)

    def _on_data(self, packet: rtc.DataPacket) -> None:
        # A packet sent through the server's API has no participant; our own never come back.
        sender = "" if packet.participant is None else packet.participant.identity
        if not self._accepts(sender, len(packet.data)):
            return
        messages = self._read_packet(bytes(packet.data))
        self._reports.data(packet, sender, messages)
        for message in messages:
            self._emit(message, "packet", sender)

    def _on_text_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._reports.stream(reader, identity)
        if self._accepts(identity, reader.info.size or 0):
            self._streams.take(reader, identity)
        else:
            reader.close()

    def _accepts(self, sender: str, size: int) -> bool:
        if self._rate_limit.accepts(sender, size, asyncio.get_running_loop().time()):
            return True
        if self._rate_limit.dropped == 1:
            log.warning("the voicebot sends too many messages for a call; some are dropped")
        return False

    def _is_ours(self, track: str | None, identity: str) -> bool:
        """Whether a transcription is of what we publish: it names the track, and else its sender is who spoke."""
        return track == self.microphone.sid if track else identity == self._identity

    def _on_transcription(self, utterance: Utterance, identity: str) -> None:
        self._emit(utterance, "text stream", identity)

    def _emit(self, message: RoomMessage, source: Source, sender: str) -> None:
        if self._leaving:
            return
        if isinstance(message, Utterance):
            accepted = self._transcript.accept(source, message, sender)
            if accepted is None:
                return
            message = accepted
        self._on_message(message)

    def _on_disconnected(self, reason: Any) -> None:
        if self._leaving:
            return
        codes = rtc.DisconnectReason
        if reason == codes.DUPLICATE_IDENTITY:
            end = RoomEnd.REPLACED
        elif reason in (codes.ROOM_DELETED, codes.PARTICIPANT_REMOVED, codes.ROOM_CLOSED):
            end = RoomEnd.ENDED_BY_PROVIDER
        else:
            end = RoomEnd.CONNECTION_LOST
        self._on_event(RoomClosed(end))

    @property
    def _identity(self) -> str:
        return str(self._room.local_participant.identity)


async def _undo(room: rtc.Room, connecting: "asyncio.Task[None]") -> None:
    """Let a connect that nobody waits for any more run to its end, and undo it.

    The SDK must not be cancelled in it: its Rust half waits for a word of its Python half and, when none comes in ten
    seconds, takes the whole process down (livekit 1.1.21, "timed out waiting for ReadyForRoomEventRequest").
    """
    await asyncio.wait({connecting})
    if not connecting.cancelled() and connecting.exception() is None:
        await room.disconnect()
