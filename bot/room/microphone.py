"""The track on which the room hears people: published once, then fed with 20 ms of mixed sound per tick.

Runs on the media loop. Source: https://docs.livekit.io/home/client/tracks/raw-tracks/
"""

import asyncio
import logging
from collections import deque
from typing import Any

import numpy as np
from livekit import rtc

from bot.task_failures import log_failure

from .stats import FeedStats

log = logging.getLogger(__name__)

SAMPLE_RATE = 48_000
FRAME_MS = 20
#: Milliseconds of sound the SDK may hold on its way out. We pace it ourselves; more would only be delay.
SOURCE_QUEUE_MS = 40
#: Frames waiting for the SDK; when it is slower than real time for longer than this, old sound is dropped.
MAX_WAITING = 3

Frame = np.ndarray[Any, np.dtype[np.int16]]


class Microphone:
    """The one track that the bot publishes."""

    def __init__(self) -> None:
        self.sid: str | None = None  # of the track, once it is published
        self.stats = FeedStats()
        self._source: rtc.AudioSource | None = None
        self._waiting: deque[Frame] = deque()
        self._ready = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None

    @property
    def held(self) -> float:
        """Seconds of sound that wait, here and in the SDK, for their turn."""
        queued = 0.0 if self._source is None else self._source.queued_duration
        return queued + len(self._waiting) * FRAME_MS / 1000

    async def publish(self, participant: rtc.LocalParticipant) -> None:
        """Publish the track as the microphone of a participant."""
        self._source = source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=SOURCE_QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track("discord", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=True)
        publication = await participant.publish_track(track, options)
        self.sid = publication.sid
        self._feeding = asyncio.create_task(self._feed(source), name="room feed")
        self._feeding.add_done_callback(_on_fed)

    def put(self, frame: Frame) -> None:
        """Send 20 ms of sound, or a little less. Never waits: behind a slow SDK the oldest frames go."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.stats.dropped += 1
        self._waiting.append(frame)
        self._ready.set()

    async def stop(self) -> None:
        """Send nothing from now on."""
        # The task holds the source, by the exception that ended it.
        feeding, self._feeding = self._feeding, None
        if feeding is not None:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def close(self) -> None:
        """Free what the SDK holds of the track, after the room was left."""
        source, self._source = self._source, None
        if source is not None:
            await source.aclose()

    async def _feed(self, source: rtc.AudioSource) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                frame = self._waiting.popleft()
                try:
                    await source.capture_frame(rtc.AudioFrame(frame.tobytes(), SAMPLE_RATE, 1, len(frame)))
                except Exception:  # a frame the SDK refuses, in the middle of a reconnect say, is no end of hearing
                    if not self.stats.refused:
                        log.exception("the SDK refused a frame of sound")
                    self.stats.refused += 1
                else:
                    self.stats.fed += 1


def _on_fed(task: asyncio.Task[None]) -> None:
    log_failure(log, task, "room feed failed")
