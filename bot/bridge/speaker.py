"""One speaker: packets in at the network's pace, one 20 ms frame out per tick, gaps concealed, delay kept in bounds.

Decoding happens here, behind the jitter buffer, and not as packets arrive: an Opus decoder must see packets in order,
and only what is played is worth decoding.
"""

from typing import Protocol

import numpy as np

from . import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Frame, stretch
from .activity import VoiceActivity
from .auto_gain import AutoGain
from .fade import Fade
from .jitter_buffer import Gap, JitterBuffer

#: What Discord clients send five of at the end of a burst; it says "I stopped", not "be silent for 20 ms".
SILENCE_PACKET = b"\xf8\xff\xfe"
#: Seconds of surplus or deficit that are left alone: ticks are 20 ms apart, so half of that is no delay at all.
TOLERANCE = 0.015
#: Seconds of surplus from which speech is shortened wherever, alike or not: delay is worse than a rough edge.
URGENT = 0.1
#: A sound that ends at more than this (of 32768) would click; it goes on for one frame, fading.
SILENT_END = 64
#: Seconds in which packets of an SSRC that was replaced may still come.
STRAGGLERS = 2.0


class PacketDecoder(Protocol):
    """What a speaker needs of a codec; Opus in production."""

    def decode(self, packet: bytes) -> Frame:
        """Decode one packet to a frame of 20 ms."""
        ...

    def has_fec(self, packet: bytes) -> bool:
        """Whether a packet carries a copy of the one before it (RFC 6716, section 2.1.7)."""
        ...

    def decode_fec(self, following: bytes) -> Frame:
        """Decode the lost frame from the packet that follows it."""
        ...

    def conceal(self) -> Frame:
        """Make up a frame in the place of a lost one."""
        ...


class Speaker:
    """The sound of one person. Undecodable packets are concealed and counted, never raised.

    It has more attributes than other classes: the parts that a packet passes, and what is counted of each on the way.
    """

    def __init__(
        self, decoder: PacketDecoder, *, least: float, most: float | None = None, balance: bool = False
    ) -> None:
        """`least` and `most` bound the jitter buffer's depth, in seconds; `balance` evens out loudness."""
        self.buffer = JitterBuffer(least, most)
        self.activity = VoiceActivity()
        self.packets = 0
        self.undecodable = 0
        self.concealed = 0  # frames
        self.delay = 0.0  # seconds beyond the fastest packet's arrival, of the frame that was played last
        self.spoken_level = 0.0  # root mean square of what was said, over about a second
        self.shortened = 0  # times a pitch period was taken out, and put in
        self.lengthened = 0
        self._bounds = least, most
        self._balance = AutoGain() if balance else None
        #: The frame of this tick as it came, before anybody was made louder; None in silence.
        self.heard: Frame | None = None
        self._decoder = decoder
        self._fade = Fade()
        self._fade.cut()  # who is heard from now on may be in the middle of a word
        self._end = 0  # how loud the last millisecond was
        self._ready: Frame = np.empty(0, np.int16)
        self._ssrc: int | None = None
        self._past_ssrc: int | None = None
        self._past_until = 0.0

    @property
    def position(self) -> int | None:
        """The media time of what is heard next, in samples on the sender's clock; None in silence."""
        due = self.buffer.position
        return None if due is None else due - len(self._ready)

    def push(self, ssrc: int, timestamp: int, payload: bytes, now: float) -> None:
        """A packet of this person arrived. A new SSRC has timestamps of its own, so it starts afresh."""
        self.packets += 1
        if self._ssrc != ssrc:
            if ssrc == self._past_ssrc and now < self._past_until:
                self.buffer.stats.late += 1  # on its way when the SSRC changed
                return
            if self._ssrc is not None:
                stats, self.buffer = self.buffer.stats, JitterBuffer(*self._bounds)
                self.buffer.stats = stats
                self._past_ssrc, self._past_until = self._ssrc, now + STRAGGLERS
            self._ssrc = ssrc
        self.buffer.push(timestamp, payload, now)

    def next_frame(self, now: float, alone: bool = True) -> Frame | None:
        """The 20 ms due at this tick; None when this person is silent. `alone`: nobody else talks."""
        return self._hear(self._due(now), now, alone)

    def last_frame(self, now: float) -> Frame | None:
        """Instead of `next_frame` when nothing more of this person is to be heard: what they were saying fades out."""
        return self._hear(self._rest(), now, alone=True)

    def _hear(self, frame: Frame | None, now: float, alone: bool) -> Frame | None:
        """A frame as it came; the same at this person's gain."""
        self.heard = frame
        self.activity.update(frame, now)
        if self.activity.loud:
            self.spoken_level += 0.02 * (self.activity.level - self.spoken_level)
        if frame is None or self._balance is None:
            return frame
        return self._balance.apply(frame, self.activity.level, speaking=self.activity.loud, alone=alone)

    def _due(self, now: float) -> Frame | None:
        # What is heard may be in time while the next packet is due too early: a part of a frame waits in between.
        surplus, deficit = self.buffer.surplus(now, len(self._ready)), -self.buffer.surplus(now)
        while len(self._ready) < FRAME_SAMPLES:
            due = self.buffer.pop(now)
            if due is Gap.IDLE:
                return self._rest()
            sound = self._decode(due)
            if deficit > TOLERANCE and len(sound) == FRAME_SAMPLES:
                sound = self._lengthen(sound)
            self._ready = np.concatenate((self._ready, sound)) if len(self._ready) else sound
            if surplus > TOLERANCE and len(self._ready) >= FRAME_SAMPLES and len(self.buffer):
                self._ready = self._shorten(self._ready, surplus)
        frame, self._ready = self._ready[:FRAME_SAMPLES], self._ready[FRAME_SAMPLES:]
        self.delay = surplus + self.buffer.delay.depth
        self._end = int(np.abs(frame[-SAMPLE_RATE // 1000 :].astype(np.int32)).max())
        return frame

    def _rest(self) -> Frame | None:
        """Nobody speaks any more; what is left of the last frame still does, or what it stopped in the middle of."""
        rest, self._ready = self._ready[:FRAME_SAMPLES], self._ready[:0]  # a long packet's end may be more than a frame
        self._fade.rest()
        if not len(rest):
            if self._end <= SILENT_END:
                return None
            rest = self._decoder.conceal()
        self._end = 0
        self._fade.cut()
        fading = rest * np.linspace(1, 0, len(rest), dtype=np.float32)
        return np.pad(np.asarray(fading, np.float32).astype(np.int16), (0, FRAME_SAMPLES - len(rest)))

    def _decode(self, due: bytes | Gap) -> Frame:
        if due is Gap.LOST:
            following = self.buffer.next_payload()
            if following is None:
                return self._conceal()
            return self._recover(following)
        assert isinstance(due, bytes)
        if due == SILENCE_PACKET:
            self.buffer.end_spurt()
        try:
            sound = self._decoder.decode(due)
        except Exception:  # hostile or broken packet: libopus says no, the call goes on
            self.undecodable += 1
            return self._conceal()
        if len(sound) != FRAME_SAMPLES:
            self.buffer.consumed(len(sound))
        return self._fade.heard(sound)

    def _recover(self, following: bytes) -> Frame:
        """What the next packet repeats of it; libopus leads over to that packet when it repeats nothing."""
        try:
            sound = self._fade.heard(self._decoder.decode_fec(following))
        except Exception:
            return self._conceal()
        self.concealed += not self._decoder.has_fec(following)
        return sound

    def _conceal(self) -> Frame:
        self.concealed += 1
        return self._fade.concealed(self._decoder.conceal())

    def _shorten(self, sound: Frame, surplus: float) -> Frame:
        """Without one pitch period, if one can be found; what is then too short for a frame takes the next packet."""
        period = stretch.find_period(sound).samples if surplus >= URGENT else stretch.seam(sound)
        if period is None:
            return sound
        self.shortened += 1
        return stretch.shorten(sound, period)

    def _lengthen(self, sound: Frame) -> Frame:
        period = stretch.seam(sound)
        if period is None:
            return sound
        self.lengthened += 1
        return stretch.lengthen(sound, period)


assert FRAME_SECONDS / 2 < TOLERANCE
