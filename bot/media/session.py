"""The sound of one call: Discord voice on one side, the LiveKit room on the other, the bridge in between.

Lives in the media loop. At each tick people are mixed into one frame for the room, and one frame of the voicebot goes
to Discord. Nothing is decoded, mixed or encoded for those who are silent.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.activity import VoiceActivity
from bot.bridge.interruption import Interruption
from bot.bridge.mixer import Mixer
from bot.bridge.outflow import Outflow
from bot.bridge.playout import is_silent
from bot.bridge.speaker import Speaker
from bot.bridge.voices import Voices
from bot.provider import RoomMessage
from bot.room.connection import RoomConnection
from bot.room.events import AgentState, RoomEvent, TrackGone
from bot.voice.connection import VoiceConnection
from bot.voice.gateway import VoiceServerInfo
from bot.voice.opus import Decoder, Encoder
from bot.voice.receive import OpusPacket

from .consent import Consent
from .counters import ClosedTotals, make_report
from .echo import Echo
from .events import (
    MediaEvent,
    SpeakingChanged,
    Undecryptable,
    Unowned,
    VoicebotSpeaking,
    VoiceLost,
    VoiceResumed,
    VoiceResuming,
)
from .loop import MediaLoop
from .report import SoundReport
from .settings import SoundSettings
from .tap import AudioTap
from .unheard import UnheardSpeakers

log = logging.getLogger(__name__)

#: Seconds of silence sent into the room after the last word, in which the voicebot notices that the turn is over.
#: After that the SDK's own comfort noise keeps the track alive at no cost to us.
TAIL = 1.5
TICKS_PER_SECOND = 50
ECHO = "echo"  # in place of a track's sid
SPEAKING = "speaking"  # of livekit-agents' `lk.agent.state`
_SILENCE: Frame = np.zeros(FRAME_SAMPLES, np.int16)


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
        self._room: RoomConnection | Echo | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._speakers: dict[int, Speaker] = {}
        self._leaving: list[Speaker] = []  # whose last word is still to fade out
        self._mixer = Mixer()
        self._outflow = Outflow()
        self._voices = Voices(round(settings.lead_in * TICKS_PER_SECOND))
        self._encoder: Encoder | None = None
        self._last_sound: float | None = None
        self._voicebot = VoiceActivity()
        self._interruption = Interruption()
        self._consent = Consent(ask_first=settings.ask_first, hear_bots=settings.hear_bots)
        self._unheard = UnheardSpeakers()
        self._unowned = UnheardSpeakers()  # by SSRC
        self._agent_state = ""
        self._closed_totals = ClosedTotals(ticks=self._ticks)
        self._taps: list[AudioTap] = []
        self._closed = False
        self._echo: Echo | None = None
        self._may_interrupt = settings.may_interrupt

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
            on_packet=self._on_packet,
            on_member_left=self._on_member_left,
            on_resuming=lambda: self._post(VoiceResuming()),
            on_resumed=lambda: self._post(VoiceResumed()),
            on_lost=lambda verdict: self._post(VoiceLost(server, verdict.remedy, verdict.meaning)),
            encoder=self._encoder,
            may_hear=self._consent.allows,
        )
        try:
            await voice.open()
        except BaseException:
            self._retire(voice.close())
            raise
        self._voice = voice
        self._unowned = UnheardSpeakers()
        if keys_timeout is not None:
            await voice.keys_agreed(keys_timeout)
        for user_id in [user_id for user_id in self._speakers if user_id not in voice.members]:
            self._on_member_left(user_id)  # between the session before and this one

    async def join_room(self, url: str, token: str) -> None:
        """Join the voicebot's room, in place of the one before, and start to carry sound; RoomError."""
        self._retire_room()
        room = RoomConnection(
            read_packet=self._read_packet,
            on_frame=self._on_frame,
            on_event=self._on_room_event,
            outlive=self._loop.outlive,
        )
        self._room = room
        await room.join(url, token)
        self._loop.ticker.remove(self._tick)  # it beats already when this is a rejoin
        self._loop.ticker.add(self._tick)

    async def join_echo(self) -> None:
        """Send back to people what they say, instead of joining a room."""
        echo = Echo(lambda frame: self._voices.push(ECHO, frame))
        self._room = echo
        self._echo = echo
        self._loop.ticker.add(echo.tick)
        self._loop.ticker.add(self._tick)

    async def leave_room(self) -> None:
        """Leave the room, or the echo, and wait until that is done; the voice connection stays."""
        leaving = self._retire_room()
        if leaving is not None:
            await asyncio.wait({leaving})

    def set_bitrate(self, bitrate: int) -> None:
        """The voicebot's from now on, in bit/s: the channel's was changed."""
        if self._encoder is not None:
            self._encoder.set_bitrate(bitrate)

    async def add_tap(self, tap: AudioTap) -> None:
        """Give a reader a copy of both sides from now on, until the end."""
        if self._closed:
            tap.close()
        else:
            self._taps.append(tap)

    def set_interrupters(self, user_ids: frozenset[int] | None) -> None:
        """Who may interrupt the voicebot from now on; None is everybody."""
        self._may_interrupt = user_ids

    def set_bots(self, user_ids: frozenset[int]) -> None:
        """These in the channel are other bots: the voicebot is not interrupted by them, nor does it hear them, unless
        the server wants that."""
        self._consent.set_bots(user_ids)
        for user_id in user_ids & self._speakers.keys():
            if not self._consent.allows(user_id):
                self._on_member_left(user_id)

    async def close(self) -> None:
        """Stop carrying sound and leave both sides; safe to call at any time, and twice."""
        self._closed = True
        self._loop.ticker.remove(self._tick)
        if self._echo is not None:
            self._loop.ticker.remove(self._echo.tick)
        for tap in self._taps:
            tap.close()
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
        """Close a connection in a task of its own: nobody waits for its goodbye, and no cancellation cuts it short."""
        task = asyncio.create_task(closing, name="end of a connection")
        self._retired.add(task)
        task.add_done_callback(self._on_retired)
        return task

    def _on_retired(self, task: "asyncio.Task[None]") -> None:
        self._retired.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a connection could not be closed properly", exc_info=task.exception())

    async def present(self) -> frozenset[int] | None:
        """User ids of those who are at the voice server beside us, as far as it has told; None without a session."""
        return None if self._voice is None else frozenset(self._voice.present)

    async def report(self) -> SoundReport:
        """The counters as they stand."""
        return make_report(
            self._voice,
            self._room,
            self._speakers,
            self._voices,
            ticks=self._ticks,
            interruptions=self._interruption.count,
            past=self._closed_totals,
            lateness=self._loop.ticker.lateness(),
        )

    @property
    def _ticks(self) -> tuple[int, int]:
        """Skipped and late ones of all calls so far."""
        return self._loop.ticker.skipped, self._loop.ticker.late

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Somebody said whether they want to be heard. If not, no packet of theirs is decrypted from now on."""
        self._consent.set(user_id, given)
        if not given:
            self._on_member_left(user_id)

    # -- the beat -----------------------------------------------------------------------------------------------

    def _tick(self, tick: int, now: float) -> None:
        people, frame = self._carry_people(now), None
        if self._voice is None:  # being replaced: what nobody hears is not to be late for those who come back
            self._voices.clear()
        else:
            if tick % TICKS_PER_SECOND == 0:
                for user_id in self._unheard.update(self._voice.receiver.stats.undecryptable):
                    self._post(Undecryptable(user_id))
                if self._unowned.update(self._voice.receiver.stats.unowned):
                    self._post(Unowned())
            frame = self._voices.pop()
            if (frame is not None or self._voicebot.speaking) and self._voicebot.update(frame, now):
                self._post(VoicebotSpeaking(self._voicebot.speaking, now))
            if frame is not None:
                self._interruption.voicebot(frame)
                self._voice.send_frame(frame, tick)
            elif self._voices.waiting:
                self._voice.send_lead_in(tick)
            else:
                self._voice.send_pause(tick)
        for tap in self._taps:
            tap.put(now, people, frame)
        if self._taps and tick % TICKS_PER_SECOND == 0:
            self._taps = [tap for tap in self._taps if not tap.closed]

    def _carry_people(self, now: float) -> Frame | None:
        """Mix everybody into one frame for the room; None when nobody speaks."""
        frames: list[Frame] = []
        talking = sum(speaker.activity.speaking for speaker in self._speakers.values())
        for user_id, speaker in self._speakers.items():
            before = speaker.activity.speaking
            frame = speaker.next_frame(now, alone=talking - before == 0)
            if frame is not None and speaker.heard is not None:
                frames.append(frame)
                if self._voices.playing or self._interruption.yields(now):
                    self._check_interruption(user_id, speaker.heard, now)  # an echo made louder is none any more
            if speaker.activity.speaking != before:
                self._post(SpeakingChanged(user_id, not before, now))
        frames += [frame for speaker in self._leaving if (frame := speaker.last_frame(now)) is not None]
        self._leaving.clear()
        if not (self._voices.playing or self._interruption.yields(now)):
            self._interruption.quiet()
        mixed = self._mixer.mix(frames) if frames else None
        if self._room is None:
            return mixed
        if mixed is None and self._last_sound is None:
            return None
        if mixed is not None:
            self._last_sound = now
        elif self._last_sound is not None and now - self._last_sound > TAIL:
            self._last_sound = None
        self._room.feed(self._outflow.fit(_SILENCE if mixed is None else mixed, self._room.held))
        return mixed

    def _check_interruption(self, user_id: int, frame: Frame, now: float) -> None:
        may = self._may_interrupt
        allowed = (may is None or user_id in may) and user_id not in self._consent.bots
        if allowed and self._interruption.person(user_id, frame, now):
            self._voices.clear()

    # -- what the two sides report ------------------------------------------------------------------------------

    def _on_packet(self, packet: OpusPacket) -> None:
        if self._room is None:
            return
        speaker = self._speakers.get(packet.user_id)
        if speaker is None:
            settings = self._settings
            speaker = Speaker(
                Decoder(),
                least=settings.jitter_buffer,
                most=settings.jitter_buffer_max,
                balance=settings.level_balance,
            )
            self._speakers[packet.user_id] = speaker
        # The tick's own time would be up to 20 ms old; ask the clock the tick uses.
        speaker.push(packet.ssrc, packet.timestamp, packet.payload, self._loop.time())

    def _on_frame(self, track: str, frame: Frame) -> None:
        """A frame of the voicebot's; what it says into an interruption is not for anybody's ears."""
        now = self._loop.time()
        if self._interruption.yields(now):
            self._interruption.held_back(is_silent(frame), now)
        else:
            self._voices.push(track, frame)

    def _on_member_left(self, user_id: int) -> None:
        self._interruption.left(user_id)
        speaker = self._speakers.pop(user_id, None)
        if speaker is None:
            return
        self._closed_totals.add_speaker(user_id, speaker)
        self._leaving.append(speaker)
        if speaker.activity.speaking:
            self._post(SpeakingChanged(user_id, False, self._loop.time()))

    def _on_room_event(self, event: RoomEvent) -> None:
        if isinstance(event, TrackGone):
            self._voices.forget(event.sid)
            return
        if isinstance(event, AgentState):
            self._on_agent_state(event.state)
        self._post(event)

    def _on_agent_state(self, state: str) -> None:
        """A voicebot that stops because somebody speaks has nothing more to say, whatever is still held of it."""
        if (
            self._agent_state == SPEAKING
            and state != SPEAKING
            and any(s.activity.speaking for user_id, s in self._speakers.items() if user_id not in self._consent.bots)
        ):
            self._voices.hurry()
        self._agent_state = state
