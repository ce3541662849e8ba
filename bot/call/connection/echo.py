"""A voice channel tried out without a voicebot: who speaks hears themselves. Nothing is opened, nothing is billed."""

import asyncio
import logging
from dataclasses import replace

from bot.access.voice_channel import VoiceChannel
from bot.call.hearing import Listeners
from bot.cancellation import StepCancelled, cancel_when
from bot.config.model import ServerSettings
from bot.errors import ParleyError, VoiceError
from bot.language import say
from bot.media.events import MediaEvent, VoiceLost
from bot.media.report import SoundReport
from bot.voice.handshake import VoiceUpdate

from .media import CallMedia, MediaEngine
from .sound_settings import sound_settings

log = logging.getLogger(__name__)

MAX_SECONDS = 60.0  # seconds


class EchoTest:
    """A test of a voice channel. Create it, `await run()` in a task, `await ready`. `sound` and `listeners` are the
    findings, when it is over."""

    def __init__(
        self,
        channel: VoiceChannel,
        settings: ServerSettings,
        user_id: int,
        engine: MediaEngine,
        longest: float = MAX_SECONDS,
    ) -> None:
        self.channel = channel
        self.longest = longest
        self.starter_id = user_id
        self.sound = SoundReport()
        self.listeners: Listeners | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self._stop = asyncio.Event()
        # Nobody is asked first: who speaks into a test hears themselves, and nothing leaves Discord.
        sound = replace(sound_settings(settings, user_id), ask_first=False)
        self._media = CallMedia(
            channel,
            settings,
            sound,
            engine,
            read_packet=lambda _: (),
            on_event=self._on_media,
            on_voice_update=self._on_voice,
        )

    def stop(self) -> None:
        """End it; its findings follow."""
        self._stop.set()

    async def run(self) -> None:
        """Run the whole test. Raises nothing but cancellation; `ready` carries what went wrong at the start."""
        try:
            await cancel_when(self._stop, self._media.voice.connect())
            self._media.set_bots(self._media.voice.bots)
            await self._media.join_echo()
            self.ready.set_result(None)
            async with asyncio.timeout(self.longest):
                await self._stop.wait()
        except TimeoutError:
            pass
        except StepCancelled:
            self._fail(VoiceError("stopped", for_user=say("The test was ended before it had begun.")))
        except ParleyError as error:
            self._fail(error)
        except Exception:
            log.exception("an echo test failed")
            self._fail(VoiceError("unexpected", for_user=say("Something went wrong inside the bot.")))
        finally:
            self._fail(VoiceError("stopped"))  # to nobody, unless this was cancelled
            await self._close()

    async def _close(self) -> None:
        try:
            for step in (self._note_findings, self._media.close, self._media.voice.leave):
                try:
                    await step()
                except Exception:  # the channel is left whatever the media loop does
                    log.exception("a step of an echo test's ending failed")
        finally:
            self.over.set()

    async def _note_findings(self) -> None:
        self.sound, self.listeners = await self._media.report(), self._media.voice.listeners()

    def _fail(self, error: ParleyError) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # someone may have stopped waiting

    def _on_media(self, event: MediaEvent) -> None:
        if isinstance(event, VoiceLost):
            self.stop()

    def _on_voice(self, _: VoiceUpdate) -> None:
        """End the test when the bot is moved or disconnected, or gets another server; a call would go on."""
        self.stop()
