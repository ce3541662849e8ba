"""The sound of a call as the main loop sees it.

Sound is carried in the media loop, in a thread of its own. Commands to that thread and events from it cross over here,
and nowhere else.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bot.access.voice_channel import VoiceChannel
from bot.bridge import Frame
from bot.config.model import ServerSettings
from bot.media.events import MediaEvent
from bot.media.loop import MediaLoop
from bot.media.report import SoundReport
from bot.media.settings import SoundSettings
from bot.media.tap import AudioTap
from bot.provider import RoomMessage
from bot.recorder.recorder import NOT_RECORDED, Recorder
from bot.voice.gateway import VoiceServerInfo
from bot.voice.handshake import VoiceUpdate

from .sound_settings import bitrate
from .voice_link import VoiceLink

if TYPE_CHECKING:
    from bot.media.session import MediaSession

#: Seconds that the media loop may take to answer; it needs milliseconds.
ANSWER_TIMEOUT = 5.0

T = TypeVar("T")
ReadPacket = Callable[[bytes], Sequence[RoomMessage]]


@dataclass(frozen=True, slots=True)
class MediaEngine:
    """The media loop, and what makes a session in it. Calls know the engine by this alone, so that a test can hand them
    another one."""

    loop: MediaLoop
    new_session: "Callable[[SoundSettings, ReadPacket, Callable[[MediaEvent], None], Recorder], MediaSession]"
    recorder: Recorder = NOT_RECORDED


class CallMedia:
    """Both connections of one call: to the voice channel (`voice`), and to the voicebot's room."""

    def __init__(
        self,
        channel: VoiceChannel,
        settings: ServerSettings,
        sound: SoundSettings,
        engine: MediaEngine,
        *,
        read_packet: ReadPacket,
        on_event: Callable[[MediaEvent], None],
        on_voice_update: Callable[[VoiceUpdate], None],
    ) -> None:
        """`read_packet` is called in the media loop, `on_event` and `on_voice_update` in the main loop."""
        self._main = asyncio.get_running_loop()
        self._loop = engine.loop
        self._on_event = on_event
        self._session = engine.new_session(sound, read_packet, self._post_to_main_loop, engine.recorder)
        self.voice = VoiceLink(channel, self, on_voice_update, lambda channel: bitrate(settings, channel))

    def _post_to_main_loop(self, event: MediaEvent) -> None:
        self._main.call_soon_threadsafe(self._on_event, event)

    async def connect_voice(self, server: VoiceServerInfo, keys_timeout: float | None, bitrate: int) -> None:
        """Open a voice session, in place of the one before; see `MediaSession.connect_voice`."""
        await self._loop.run(self._session.connect_voice(server, keys_timeout, bitrate))

    def set_bitrate(self, bitrate: int) -> None:
        """Set the bit rate of the voicebot's voice from now on, in bit/s."""
        self._loop.post(lambda: self._session.set_bitrate(bitrate))

    async def join_room(self, url: str, token: str) -> None:
        """Join the voicebot's room, in place of the one before; RoomError."""
        await self._loop.run(self._session.join_room(url, token))

    async def join_echo(self) -> None:
        """Let everybody hear themselves, in place of a voicebot."""
        await self._loop.run(self._session.join_echo())

    async def join_prompt(self) -> None:
        """Say what `say` is given, in place of a voicebot."""
        await self._loop.run(self._session.join_prompt())

    async def say(self, samples: Frame) -> None:
        """Say 48 kHz mono samples, after `join_prompt`."""
        await self._loop.run(self._session.say(samples))

    async def frames_heard(self) -> int:
        """Return how many frames of 20 ms with sound in them were heard since `join_prompt`; TimeoutError when the
        media loop does not answer."""
        return await self._ask(self._session.frames_heard())

    async def leave_room(self) -> None:
        """Leave the voicebot's room, and carry no more sound into it; TimeoutError when the media loop does not
        answer."""
        await self._ask(self._session.leave_room())

    async def close(self) -> None:
        """Carry no more sound; TimeoutError when the media loop does not answer. The voice channel is left by
        `voice.leave`."""
        await self._ask(self._session.close())

    async def report(self) -> SoundReport:
        """Return the counters as they stand; TimeoutError when the media loop does not answer."""
        return await self._ask(self._session.report())

    async def present(self) -> frozenset[int] | None:
        """Return the user ids of those at the voice server, as far as it has told; None without a voice session.
        TimeoutError when the media loop does not answer."""
        return await self._ask(self._session.present())

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await self._loop.run(question)

    async def listen(self) -> AudioTap:
        """Return a copy of the sound of both sides, from now to the end."""
        tap = AudioTap(self._main)
        await self._loop.run(self._session.add_tap(tap))
        return tap

    async def set_consent(self, user_id: int, given: bool) -> None:
        """Set whether somebody may be heard; if not, none of their packets is decrypted once this returns."""
        await self._loop.run(self._session.set_consent(user_id, given))

    def set_bots(self, bots: frozenset[int]) -> None:
        """Set the user ids of the other bots in the channel."""
        self._loop.post(lambda: self._session.set_bots(bots))

    def set_interrupters(self, user_ids: frozenset[int] | None) -> None:
        """Set the user ids of those who may interrupt the voicebot; None is everybody."""
        self._loop.post(lambda: self._session.set_interrupters(user_ids))
