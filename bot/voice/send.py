"""From one 20 ms frame of the voicebot's voice to a datagram: Opus, DAVE, transport encryption, RTP.

Pure but for its counters; the caller brings the tick number, the datagram goes where the caller sends it. The RTP
timestamp follows the ticks, so that a pause is a gap in time and not in nothing: a timestamp frozen between bursts
makes receivers add seconds of delay in an hour.
"""

import secrets
from dataclasses import dataclass

from . import rtp
from .aead import TransportCipher
from .dave import DaveSession
from .opus import SILENCE_FRAME, Encoder, Pcm

#: Silence frames that end a burst, so that receivers do not conceal the end of it (Discord voice docs).
TRAILING_SILENCE = 5


@dataclass(slots=True)
class SendStats:
    """What was sent, in 20 ms frames; `no_keys` were dropped because DAVE had no keys."""

    sent: int = 0
    silence: int = 0
    no_keys: int = 0


class Sender:
    """Makes the datagrams of one voice session."""

    def __init__(self, dave: DaveSession, encoder: Encoder) -> None:
        self.stats = SendStats()
        self._dave = dave
        self._encoder = encoder
        self._cipher: TransportCipher | None = None
        self._ssrc = 0
        self._sequence = secrets.randbits(16)
        self._timestamp_base = secrets.randbits(32)
        self._silence_left = 0

    def use(self, cipher: TransportCipher, ssrc: int) -> None:
        """Seal what goes out from now on with this cipher, under this SSRC."""
        self._cipher = cipher
        self._ssrc = ssrc

    @property
    def in_burst(self) -> bool:
        """Whether sound or its trailing silence is still being sent."""
        return self._silence_left > 0

    def frame(self, pcm: Pcm, tick: int) -> bytes | None:
        """Return the datagram of one frame of sound at a tick; None while there are no keys."""
        datagram = self._packet(self._encoder.encode(pcm), tick)
        if datagram is not None:
            self._silence_left = TRAILING_SILENCE
            self.stats.sent += 1
        return datagram

    def silence(self, tick: int) -> bytes | None:
        """Return a frame of silence before something is said; None while there are no keys. A burst is open from then
        on."""
        datagram = self._packet(SILENCE_FRAME, tick)
        if datagram is not None:
            self._silence_left = TRAILING_SILENCE
            self.stats.silence += 1
        return datagram

    def pause(self, tick: int) -> bytes | None:
        """Return what is sent when there is nothing to say at a tick: one of the five silence frames after a burst,
        then None."""
        if self._silence_left == 0:
            return None
        self._silence_left -= 1
        self.stats.silence += 1
        return self._packet(SILENCE_FRAME, tick)

    def _packet(self, opus: bytes, tick: int) -> bytes | None:
        if self._cipher is None:
            return None
        sealed = self._dave.seal(opus)
        if sealed is None:
            self.stats.no_keys += 1
            return None
        self._sequence = (self._sequence + 1) & 0xFFFF
        timestamp = self._timestamp_base + tick * rtp.SAMPLES_PER_FRAME
        return self._cipher.seal(rtp.build_header(self._sequence, timestamp, self._ssrc), sealed)
