"""A hidden participant that records everyone's audio with the time each frame arrived, to measure delay."""

import asyncio
import time

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from .server import LiveKitServer

RATE = 48_000
Pcm = NDArray[np.int16]


class RoomObserver:
    """Join, let people talk, read `frames`, leave."""

    def __init__(self) -> None:
        self.frames: dict[str, list[tuple[float, Pcm]]] = {}  # by participant's identity
        self._room = rtc.Room()
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, livekit: LiveKitServer, room: str) -> None:
        """Enter without being seen."""
        self._room.on("track_subscribed", self._on_track)
        await self._room.connect(livekit.url, livekit.token("observer", room, hidden=True))

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.disconnect()

    def of(self, *, agent: bool) -> list[tuple[float, Pcm]]:
        """The frames of the voicebot, or of the one who is not: (`time.monotonic()`, 48 kHz mono)."""
        for identity, frames in self.frames.items():
            if identity.startswith("agent-") == agent:
                return frames
        return []

    def loud_frames(self, above: float) -> int:
        """How many frames of what people said are louder than this root mean square."""
        return sum(_level(frame) > above for _, frame in self.of(agent=False))

    def quiet_frames(self, below: float) -> int:
        """How many of the last frames of what people said are softer than this root mean square."""
        count = 0
        for _, frame in reversed(self.of(agent=False)):
            if _level(frame) >= below:
                break
            count += 1
        return count

    def clear(self) -> None:
        """Forget what was recorded."""
        for frames in self.frames.values():
            frames.clear()

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            task = asyncio.create_task(self._record(track, participant.identity))
            self._tasks.add(task)

    async def _record(self, track: rtc.Track, identity: str) -> None:
        frames = self.frames.setdefault(identity, [])
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                frames.append((time.monotonic(), np.frombuffer(event.frame.data, np.int16).copy()))
        finally:
            await stream.aclose()


def _level(frame: Pcm) -> float:
    return float(np.sqrt(np.mean(frame.astype(np.float64) ** 2))) if len(frame) else 0.0
