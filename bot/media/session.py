"""The sound of one call: Discord voice on one side, the LiveKit room on the other, the bridge in between.

Lives in the media loop. `uplink` carries people to the room, `downlink` carries the voicebot to Discord, `barge_in` is
what the one does to the other; the session owns both connections and the beat.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from bot.bridge import Frame
from bot.bridge.track_mixer import TrackMixer
from bot.provider import RoomMessage
from bot.recorder.recorder import NOT_RECORDED, Recorder
from bot.room.connection import RoomConnection
from bot.room.events import AgentState, RoomEvent, TrackGone
from bot.task_failures import log_failure
from bot.voice.connection import VoiceConnection, VoiceListener
from bot.voice.gateway import VoiceServerInfo
from bot.voice.opus import Encoder
from bot.voice.receive import OpusPacket

from .barge_in import BargeIn
from .consent import Consent
from .counters import ClosedTotals, make_report
from .downlink import Downlink
from .echo import Echo
from .events import MediaEvent, VoiceLost, VoiceResumed, VoiceResuming
from .loop import MediaLoop
from .prompt import Prompt
from .report import SoundReport
from .settings import SoundSettings
from .tap import AudioTap, Taps
from .undecryptable import UndecryptableMonitor
from .uplink import Uplink

log = logging.getLogger(__name__)

TICKS_PER_SECOND = 50
ECHO, PROMPT = "echo", "prompt"  # in place of a track's sid


class MediaSession:
    """The sound of one call. All coroutines run in the media loop; `post` is called there too."""

    def __init__(
        self,
        loop: MediaLoop,
        settings: SoundSettings,
        *,
        read_packet: Callable[[bytes], Sequence[RoomMessage]],
        post: Callable[[MediaEvent], None],
        recorder: Recorder = NOT_RECORDED,
    ) -> None:
        self._loop = loop
        self._recorder = recorder
        self._read_packet = read_packet
        self._post = post
        self._voice: VoiceConnection | None = None
        self._room: RoomConnection | Echo | Prompt | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._encoder: Encoder | None = None
        self._consent = Consent(ask_first=settings.ask_first, hear_bots=settings.hear_bots)
        self._closed_totals = ClosedTotals(ticks=self._ticks)
        tracks = TrackMixer(round(settings.lead_in * TICKS_PER_SECOND))
        self._barge_in = BargeIn(tracks, settings.may_interrupt, self._consent)
        self._uplink = Uplink(settings, self._closed_totals, post)
        self._downlink = Downlink(tracks, self._barge_in, post)
        self._undecryptable = UndecryptableMonitor(post)
        self._taps = Taps()

    # -- commands from the main loop ----------------------------------------------------------------------------

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None, bitrate: int) -> None:
        """Open a voice session, in place of the one before; VoiceError when it fails or has no keys in time.

        `keys_timeout` is in seconds; None does not wait, since someone alone in a channel has nobody to agree with.
        `bitrate` is the voicebot's from now on, in bit/s.
        """
        self._retire_voice()
        if self._encoder is None:
            self._encoder = Encoder()
        self._encoder.set_bitrate(bitrate)
        voice = VoiceConnection(
            server,
            self._loop.http,
            listener=VoiceListener(
                on_packet=self._on_packet,
                on_member_left=self._on_member_left,
                on_resuming=lambda: self._post(VoiceResuming()),
                on_resumed=lambda: self._post(VoiceResumed()),
                on_lost=lambda verdict: self._post(VoiceLost(server, verdict.remedy, verdict.meaning)),
                recorder=self._recorder,
            ),
            encoder=self._encoder,
            may_hear=self._consent.allows,
        )
        try:
            await voice.open()
        except BaseException:
            self._retire(voice.close())
            raise
        self._voice = voice
        self._undecryptable.forget_unowned()
        if keys_timeout is not None:
            await voice.keys_agreed(keys_timeout)
        for user_id in [user_id for user_id in self._uplink.speakers if user_id not in voice.members]:
            self._on_member_left(user_id)  # between the session before and this one

    async def join_room(self, url: str, token: str) -> None:
        """Join the voicebot's room, in place of the one before, and start to carry sound; RoomError."""
        self._retire_room()
        room = RoomConnection(
            read_packet=self._read_packet,
            on_frame=self._on_frame,
            on_message=self._post,
            on_event=self._on_room_event,
            outlive=self._loop.outlive,
            recorder=self._recorder,
        )
        self._room = room
        await room.join(url, token)
        self._loop.ticker.remove(self._tick)  # it beats already when this is a rejoin
        self._loop.ticker.add(self._tick)

    async def join_echo(self) -> None:
        """Send back to people what they say, instead of joining a room."""
        self._room = Echo(lambda frame: self._downlink.tracks.push(ECHO, frame))
        self._loop.ticker.add(self._tick)

    async def join_prompt(self) -> None:
        """Say what `say` is given and count what is heard, instead of joining a room."""
        self._room = Prompt(lambda frame: self._downlink.tracks.push(PROMPT, frame))
        self._loop.ticker.add(self._tick)

    async def say(self, samples: Frame) -> None:
        """Say 48 kHz mono samples, after `join_prompt`."""
        assert isinstance(self._room, Prompt), "there is a room, whose voicebot speaks"
        self._room.say(samples)

    async def frames_heard(self) -> int:
        """Return how many frames of 20 ms with sound in them were heard since `join_prompt`."""
        return self._room.heard if isinstance(self._room, Prompt) else 0

    async def leave_room(self) -> None:
        """Leave the room, or what is in its place, and wait until that is done; the voice connection stays."""
        leaving = self._retire_room()
        if leaving is not None:
            await asyncio.wait({leaving})

    def set_bitrate(self, bitrate: int) -> None:
        """Set the bit rate of the voicebot's voice, in bit/s: the channel's was changed."""
        if self._encoder is not None:
            self._encoder.set_bitrate(bitrate)

    async def add_tap(self, tap: AudioTap) -> None:
        """Give a reader a copy of both sides from now on, until the end."""
        self._taps.add(tap)

    def set_interrupters(self, user_ids: frozenset[int] | None) -> None:
        """Set who may interrupt the voicebot from now on; None is everybody."""
        self._barge_in.allowed = user_ids

    def set_bots(self, user_ids: frozenset[int]) -> None:
        """Set who in the channel is another bot: the voicebot is not interrupted by them, nor does it hear them, unless
        the server wants that."""
        self._consent.set_bots(user_ids)
        for user_id in user_ids & self._uplink.speakers.keys():
            if not self._consent.allows(user_id):
                self._on_member_left(user_id)

    async def close(self) -> None:
        """Stop carrying sound and leave both sides; safe to call at any time, and twice."""
        self._loop.ticker.remove(self._tick)
        self._taps.close()
        self._retire_room()
        self._retire_voice()
        while self._retired:
            await asyncio.wait(self._retired)

    def _retire_voice(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            self._closed_totals.add_voice(voice)
            self._retire(voice.close())

    def _retire_room(self) -> "asyncio.Task[None] | None":
        room, self._room = self._room, None
        if room is None:
            return None
        self._closed_totals.add_room(room)
        return self._retire(room.leave())

    def _retire(self, closing: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Close a connection in a separate task, so that nothing waits for it and no cancellation interrupts it."""
        task = asyncio.create_task(closing, name="end of a connection")
        self._retired.add(task)
        task.add_done_callback(self._on_retired)
        return task

    def _on_retired(self, task: "asyncio.Task[None]") -> None:
        self._retired.discard(task)
        log_failure(log, task, "a connection could not be closed properly")

    async def present(self) -> frozenset[int] | None:
        """Return the user ids of those who are at the voice server beside us, as far as it has told; None without a
        session."""
        return None if self._voice is None else self._voice.present

    async def report(self) -> SoundReport:
        """Return the counters as they stand."""
        return make_report(
            self._voice,
            self._room,
            self._uplink.speakers,
            self._downlink.tracks,
            ticks=self._ticks,
            interruptions=self._barge_in.count,
            past=self._closed_totals,
            lateness=self._loop.ticker.lateness(),
        )

    @property
    def _ticks(self) -> tuple[int, int]:
        """Skipped and late ones of all calls so far."""
        return self._loop.ticker.skipped, self._loop.ticker.late

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Set whether somebody wants to be heard. If not, no packet of theirs is decrypted from now on."""
        self._consent.set(user_id, given)
        if not given:
            self._on_member_left(user_id)

    # -- the beat -----------------------------------------------------------------------------------------------

    def _tick(self, tick: int, now: float) -> None:
        if isinstance(self._room, Echo | Prompt):
            self._room.tick()
        people = self._uplink.mix(now)
        self._barge_in.update(self._uplink.spoken, now)
        if self._room is not None:
            self._uplink.feed(self._room, people, now)
        voicebot = self._downlink.carry(self._voice, tick, now)
        self._taps.put(now, people, voicebot)
        if tick % TICKS_PER_SECOND == 0 and self._voice is not None:
            self._undecryptable.update(self._voice.receiver.stats)

    # -- what the two sides report ------------------------------------------------------------------------------

    def _on_packet(self, packet: OpusPacket) -> None:
        if self._room is not None:
            # The tick's own time would be up to 20 ms old; ask the clock the tick uses.
            self._uplink.push(packet, self._loop.time())

    def _on_frame(self, track: str, frame: Frame) -> None:
        self._downlink.push(track, frame, self._loop.time())

    def _on_member_left(self, user_id: int) -> None:
        self._barge_in.remove(user_id)
        self._uplink.remove(user_id, self._loop.time())

    def _on_room_event(self, event: RoomEvent) -> None:
        if isinstance(event, TrackGone):
            self._downlink.tracks.forget(event.sid)
            return
        if isinstance(event, AgentState):
            self._barge_in.on_agent_state(event.state, self._is_anyone_speaking)
        self._post(event)

    def _is_anyone_speaking(self) -> bool:
        return self._uplink.is_anyone_speaking(besides=self._consent.bots)
