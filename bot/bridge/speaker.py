"""One speaker: packets in at the network's pace, one 20 ms frame out per tick, gaps concealed.

Decoding happens here, behind the jitter buffer, and not as packets arrive: an Opus decoder must see packets in order,
and only what is played is worth decoding.
"""

from typing import Protocol

import numpy as np

from . import FRAME_SAMPLES, Frame
from .activity import VoiceActivity
from .jitter_buffer import Gap, JitterBuffer

#: What Discord clients send five of at the end of a burst; it says "I stopped", not "be silent for 20 ms".
SILENCE_PACKET = b"\xf8\xff\xfe"


class PacketDecoder(Protocol):
    """What a speaker needs of a codec; Opus in production."""

    def decode(self, packet: bytes) -> Frame: ...
    def decode_fec(self, following: bytes) -> Frame: ...
    def conceal(self) -> Frame: ...


class Speaker:
    """The sound of one person. Undecodable packets are concealed and counted, never raised."""

    def __init__(self, decoder: PacketDecoder, *, depth: float) -> None:
        self.buffer = JitterBuffer(depth)
        self.activity = VoiceActivity()
        self.undecodable = 0
        self._decoder = decoder
        self._leftover: Frame = np.empty(0, np.int16)
        self._ssrc: int | None = None

    def push(self, ssrc: int, timestamp: int, payload: bytes, now: float) -> None:
        """A packet of this person arrived. A new SSRC has timestamps of its own, so it starts afresh."""
        if self._ssrc != ssrc:
            self._ssrc = ssrc
            self.buffer = JitterBuffer(self.buffer.depth)
        self.buffer.push(timestamp, payload, now)

    def next_frame(self, now: float) -> Frame | None:
        """The 20 ms due at this tick; None when this person is silent."""
        if len(self._leftover) >= FRAME_SAMPLES:
            frame = self._cut(self._leftover)
        else:
            due = self.buffer.pop(now)
            if due is Gap.IDLE:
                self.activity.update(None, now)
                return None
            frame = self._cut(self._decode(due))
        self.activity.update(frame, now)
        return frame

    def _decode(self, due: bytes | Gap) -> Frame:
        if due is Gap.LOST:
            following = self.buffer.next_payload()
            return self._decoder.conceal() if following is None else self._recover(following)
        assert isinstance(due, bytes)
        if due == SILENCE_PACKET:
            self.buffer.end_spurt()
        try:
            return self._decoder.decode(due)
        except Exception:  # hostile or broken packet: libopus says no, the call goes on
            self.undecodable += 1
            return self._decoder.conceal()

    def _recover(self, following: bytes) -> Frame:
        try:
            return self._decoder.decode_fec(following)
        except Exception:
            return self._decoder.conceal()

    def _cut(self, samples: Frame) -> Frame:
        """One frame; what a longer packet (40 or 60 ms) brought beyond it waits for the next ticks."""
        frame, self._leftover = samples[:FRAME_SAMPLES], samples[FRAME_SAMPLES:]
        if len(frame) < FRAME_SAMPLES:
            frame = np.pad(frame, (0, FRAME_SAMPLES - len(frame)))
        return frame
