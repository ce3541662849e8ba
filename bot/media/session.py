"""The sound of one call: Discord voice on one side, the LiveKit room on the other, the bridge in between.

Lives in the media loop. At each tick people are mixed into one frame for the room, and one frame of the voicebot goes
to Discord. Nothing is decoded, mixed or encoded for those who are silent.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import VoiceActivity
from bot.bridge.mixer import mix
from bot.bridge.playout import Playout
from bot.bridge.speaker import Speaker
from bot.provider import RoomMessage
from bot.room.connection import RoomConnection
from bot.room.events import RoomEvent, VoicebotGone
from bot.voice.connection import VoiceConnection
from bot.voice.gateway import VoiceServerInfo
from bot.voice.opus import Decoder, Encoder
from bot.voice.receive import OpusPacket

from .events import MediaEvent, SpeakingChanged, VoicebotSpeaking, VoiceLost, VoiceResumed, VoiceResuming
from .loop import MediaLoop

log = logging.getLogger(__name__)

#: Seconds of silence sent into the room after the last word, in which the voicebot notices that the turn is over.
#: After that the SDK's own comfort noise keeps the track alive at no cost to us.
TAIL = 1.5
_SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """What a server may tune. Seconds and bit/s."""

    jitter_buffer: float = 0.04
    jitter_buffer_max: float = 0.1
    bitrate: int = 64_000


@dataclass(frozen=True, slots=True)
class SoundReport:
    """Counters of one call, for status and tests. Frames are 20 ms, packets are RTP."""

    packets_received: int
    packets_undecryptable: int
    packets_lost: int
    packets_late: int
    frames_to_room: int
    frames_to_discord: int
    frames_dropped: int
    frames_starved: int
    dave_recoveries: int
    privacy_code: str | None


class MediaSession:
    """One call's sound. All coroutines run in the media loop; `post` is called there too."""

    def __init__(
        self,
        loop: MediaLoop,
        settings: SoundSettings,
        *,
        read_packet: Callable[[bytes], Sequence[RoomMessage]],
        post: Callable[[MediaEvent], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._read_packet = read_packet
        self._post = post
        self._voice: VoiceConnection | None = None
        self._room: RoomConnection | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._speakers: dict[int, Speaker] = {}
        self._playout = Playout()
        self._encoder: Encoder | None = None
        self._last_sound: float | None = None
        self._voicebot = VoiceActivity()

    # -- commands from the main loop ----------------------------------------------------------------------------

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None) -> None:
        """Open a voice session, in place of the one before; VoiceError when it fails or has no keys in time.

        `keys_timeout` is in seconds; None does not wait, since someone alone in a channel has nobody to agree with.
        """
        self._retire_voice()
        if self._encoder is None:
            self._encoder = Encoder(bitrate=self._settings.bitrate)
        voice = VoiceConnection(
            server,
            self._loop.http,
            on_packet=self._on_packet,
            on_member_left=self._on_member_left,
            on_resuming=lambda: self._post(VoiceResuming()),
            on_resumed=lambda: self._post(VoiceResumed()),
            on_lost=lambda verdict: self._post(VoiceLost(server, verdict.remedy, verdict.meaning)),
            encoder=self._encoder,
        )
        try:
            await voice.open()
        except BaseException:
            self._retire(voice.close())
            raise
        self._voice = voice
        if keys_timeout is not None:
            await voice.keys_agreed(keys_timeout)

    async def join_room(self, url: str, token: str) -> None:
        """Join the voicebot's room, in place of the one before, and start to carry sound; RoomError."""
        self._retire_room()
        room = RoomConnection(read_packet=self._read_packet, on_frame=self._playout.push, on_event=self._on_room_event)
        self._room = room
        await room.join(url, token)
        self._loop.ticker.remove(self._tick)  # it beats already when this is a rejoin
        self._loop.ticker.add(self._tick)

    async def close(self) -> None:
        """Stop carrying sound and leave both sides; safe to call at any time, and twice."""
        self._loop.ticker.remove(self._tick)
        self._retire_room()
        self._retire_voice()
        while self._retired:
            await asyncio.wait(self._retired)

    def _retire_voice(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            self._retire(voice.close())

    def _retire_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            self._retire(room.leave())

    def _retire(self, closing: Coroutine[Any, Any, None]) -> None:
        """Close a connection in a task of its own: nobody waits for its goodbye, and no cancellation cuts it short."""
        task = asyncio.create_task(closing, name="end of a connection")
        self._retired.add(task)
        task.add_done_callback(self._on_retired)

    def _on_retired(self, task: "asyncio.Task[None]") -> None:
        self._retired.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection could not be closed properly", exc_info=task.exception())

    async def report(self) -> SoundReport:
        """The counters as they stand."""
        voice, room = self._voice, self._room
        buffers = [speaker.buffer.stats for speaker in self._speakers.values()]
        receive = None if voice is None else voice.receiver.stats
        return SoundReport(
            packets_received=0 if receive is None else receive.received,
            packets_undecryptable=0 if receive is None else sum(receive.undecryptable.values()),
            packets_lost=sum(stats.lost for stats in buffers),
            packets_late=sum(stats.late for stats in buffers),
            frames_to_room=0 if room is None else room.frames_fed,
            frames_to_discord=0 if voice is None else voice.sender.stats.sent,
            frames_dropped=self._playout.stats.dropped + (0 if room is None else room.frames_dropped),
            frames_starved=self._playout.stats.starved,
            dave_recoveries=0 if voice is None else voice.dave.recoveries,
            privacy_code=None if voice is None else voice.dave.privacy_code,
        )

    # -- the beat -----------------------------------------------------------------------------------------------

    def _tick(self, tick: int, now: float) -> None:
        self._carry_people(now)
        if self._voice is not None:
            frame = self._playout.pop()
            if (frame is not None or self._voicebot.speaking) and self._voicebot.update(frame, now):
                self._post(VoicebotSpeaking(self._voicebot.speaking, now))
            if frame is not None:
                self._voice.send_frame(frame, tick)
            else:
                self._voice.send_pause(tick)

    def _carry_people(self, now: float) -> None:
        frames: list[Frame] = []
        for user_id, speaker in self._speakers.items():
            before = speaker.activity.speaking
            frame = speaker.next_frame(now)
            if frame is not None:
                frames.append(frame)
            if speaker.activity.speaking != before:
                self._post(SpeakingChanged(user_id, not before, now))
        if self._room is None:
            return
        if frames:
            self._last_sound = now
            self._room.feed(mix(frames))
        elif self._last_sound is not None:
            if now - self._last_sound > TAIL:
                self._last_sound = None
            self._room.feed(_SILENCE)

    # -- what the two sides report ------------------------------------------------------------------------------

    def _on_packet(self, packet: OpusPacket) -> None:
        if self._room is None:
            return
        speaker = self._speakers.get(packet.user_id)
        if speaker is None:
            speaker = Speaker(Decoder(), least=self._settings.jitter_buffer, most=self._settings.jitter_buffer_max)
            self._speakers[packet.user_id] = speaker
        # The tick's own time would be up to 20 ms old; ask the clock the tick uses.
        speaker.push(packet.ssrc, packet.timestamp, packet.payload, self._loop.time())

    def _on_member_left(self, user_id: int) -> None:
        speaker = self._speakers.pop(user_id, None)
        if speaker is not None and speaker.activity.speaking:
            self._post(SpeakingChanged(user_id, False, self._loop.time()))

    def _on_room_event(self, event: RoomEvent) -> None:
        if isinstance(event, VoicebotGone):
            self._playout.clear()
        self._post(event)
