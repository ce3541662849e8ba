"""What a person hears: every packet decoded and laid where its RTP timestamp puts it.

A sender's timeline is anchored at the arrival of its first packet. A sender whose timestamps stand still in pauses
would so be heard ever earlier than its packets arrive: `drift` shows it.
"""

from dataclasses import dataclass, field

import discord
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAME = 960

Pcm = NDArray[np.int16]


@dataclass(slots=True)
class _Stream:
    """One sender's sound: (position in samples, int16 mono frame)."""

    decoder: discord.opus.Decoder
    anchor_time: float
    anchor_timestamp: int
    frames: list[tuple[int, Pcm]] = field(default_factory=list)
    opus_bytes: int = 0
    drift: float = 0.0  # seconds between arrival and the timestamp's place, of the last packet


class Ear:
    """Collects sound from any number of senders. Times are `time.monotonic()`."""

    def __init__(self) -> None:
        self._streams: dict[tuple[int, int], _Stream] = {}  # by user and SSRC
        self.started_at: float | None = None
        self.packets = 0
        self.undecryptable = 0

    def hear(self, user_id: int, ssrc: int, timestamp: int, opus: bytes, now: float) -> None:
        """A decrypted packet."""
        self.packets += 1
        if self.started_at is None:
            self.started_at = now
        stream = self._streams.get((user_id, ssrc))
        if stream is None:
            stream = self._streams[user_id, ssrc] = _Stream(
                discord.opus.Decoder(),  # type: ignore[no-untyped-call]
                now,
                timestamp,
            )
        stream.opus_bytes += len(opus)
        stereo = np.frombuffer(stream.decoder.decode(opus, fec=False), np.int16)
        step = ((timestamp - stream.anchor_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        stream.drift = now - (stream.anchor_time + step / RATE)
        position = round((stream.anchor_time - self.started_at) * RATE) + step
        stream.frames.append((position, stereo[::2].copy()))

    def clear(self) -> None:
        """Forget everything heard so far, decoders included."""
        self._streams.clear()
        self.started_at = None

    def drift(self, user_id: int) -> float:
        """How much later the last packet came than its timestamp says, against the first, in seconds."""
        return max((s.drift for (user, _), s in self._streams.items() if user == user_id), default=0.0)

    def frames_from(self, user_id: int) -> int:
        return sum(len(s.frames) for (user, _), s in self._streams.items() if user == user_id)

    def bitrate(self, user_id: int) -> float:
        """Of a sender's Opus since `clear`, in bit/s of sound; 0 for nothing heard."""
        frames = self.frames_from(user_id)
        total = sum(s.opus_bytes for (user, _), s in self._streams.items() if user == user_id)
        return total * 8 * RATE / (frames * FRAME) if frames else 0.0

    def recording(self, user_id: int | None = None) -> Pcm:
        """All sound since `started_at`, of one sender or of all mixed: int16 mono at 48 kHz."""
        streams = [s for (user, _), s in self._streams.items() if user_id in (None, user)]
        placed = [frame for stream in streams for frame in stream.frames if frame[0] >= 0]
        if not placed:
            return np.zeros(0, np.int16)
        length = max(position + len(samples) for position, samples in placed)
        mixed = np.zeros(length, np.int32)
        for position, samples in placed:
            mixed[position : position + len(samples)] += samples
        return np.clip(mixed, -32768, 32767).astype(np.int16)
