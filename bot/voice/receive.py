"""From a datagram to one speaker's Opus packet: RTP, transport encryption, who it is, DAVE.

Pure but for its counters: bytes and times in, packets out, no clock and no I/O. Whatever is wrong with a datagram, it
is counted and dropped; nothing raises.
"""

from collections import deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from . import rtp
from .aead import TransportCipher
from .dave import DaveSession
from .losses import LossCounter

#: Packets of one SSRC kept until its owner is known: SPEAKING can come a moment after the first sound.
HELD_PER_SSRC = 25
HELD_SSRCS = 16
#: Seconds for which they are: an SSRC that nobody claims may be somebody else's next.
HELD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """20 ms of one person's speech, still coded."""

    user_id: int
    ssrc: int
    sequence: int  # RTP, 16 bits
    timestamp: int  # RTP, 32 bits, 48 kHz
    payload: bytes


@dataclass(slots=True)
class ReceiveStats:
    """What became of the datagrams, in packets."""

    received: int = 0
    not_rtp: int = 0
    not_authentic: int = 0
    malformed: int = 0
    unknown_ssrc: int = 0
    unwilling: int = 0
    lost: dict[int, int] = field(default_factory=dict)  # by user id; what is only late among them, until it comes
    undecryptable: dict[int, int] = field(default_factory=dict)  # by user id


class Receiver:
    """Unwraps the datagrams of one voice session and hands each packet to `sink`."""

    def __init__(
        self, dave: DaveSession, sink: Callable[[OpusPacket], None], unwilling: Container[int] = frozenset()
    ) -> None:
        """Packets of `unwilling` users are dropped before anything of them is decrypted."""
        self._unwilling = unwilling
        self.stats = ReceiveStats()
        self._dave = dave
        self._sink = sink
        self._cipher: TransportCipher | None = None
        self._users: dict[int, int] = {}  # SSRC -> user id
        self._losses: dict[int, LossCounter] = {}  # by SSRC, of those whose user is known
        self._held: dict[int, deque[tuple[float, rtp.RtpHeader, bytes]]] = {}

    def use(self, cipher: TransportCipher) -> None:
        self._cipher = cipher

    def map_ssrc(self, ssrc: int, user_id: int, now: float) -> None:
        """SPEAKING told whose SSRC this is; packets held for it are delivered now. `now` is in seconds."""
        if self._users.get(ssrc) != user_id:
            self._losses.pop(ssrc, None)
        self._users[ssrc] = user_id
        for held_at, header, frame in self._held.pop(ssrc, ()):
            if now - held_at <= HELD_SECONDS:
                self._deliver(user_id, header, frame)

    def forget_user(self, user_id: int) -> None:
        """A user left: its SSRC belongs to nobody until SPEAKING says otherwise."""
        for ssrc in [ssrc for ssrc, owner in self._users.items() if owner == user_id]:
            del self._users[ssrc]
            self._losses.pop(ssrc, None)

    def receive(self, datagram: bytes, now: float) -> None:
        """One datagram from the voice server, at `now` in seconds on any steady clock."""
        stats = self.stats
        header = rtp.parse_header(datagram)
        if header is None or self._cipher is None:
            stats.not_rtp += 1
            return
        user_id = self._users.get(header.ssrc)
        if user_id is not None and user_id in self._unwilling:
            stats.unwilling += 1
            self._losses.pop(header.ssrc, None)  # what is not looked at is not lost
            return
        payload = self._cipher.open(datagram, header.size)
        if payload is None:
            stats.not_authentic += 1
            return
        frame = rtp.strip(payload, header)
        if not frame:
            stats.malformed += 1
            return
        stats.received += 1
        if user_id is None:
            self._hold(header, frame, now)
        else:
            self._deliver(user_id, header, frame)

    def _hold(self, header: rtp.RtpHeader, frame: bytes, now: float) -> None:
        self.stats.unknown_ssrc += 1
        held = self._held.get(header.ssrc)
        if held is None:
            for ssrc in [ssrc for ssrc, packets in self._held.items() if now - packets[-1][0] > HELD_SECONDS]:
                del self._held[ssrc]
            if len(self._held) >= HELD_SSRCS:
                return
            held = self._held[header.ssrc] = deque(maxlen=HELD_PER_SSRC)
        held.append((now, header, frame))

    def _deliver(self, user_id: int, header: rtp.RtpHeader, frame: bytes) -> None:
        if user_id in self._unwilling:  # it was held before its owner was known
            self.stats.unwilling += 1
            return
        self._count_losses(user_id, header)
        opus = self._dave.open(user_id, frame)
        if opus is None:
            undecryptable = self.stats.undecryptable
            undecryptable[user_id] = undecryptable.get(user_id, 0) + 1
            return
        self._sink(OpusPacket(user_id, header.ssrc, header.sequence, header.timestamp, opus))

    def _count_losses(self, user_id: int, header: rtp.RtpHeader) -> None:
        counter = self._losses.get(header.ssrc)
        if counter is None:
            counter = self._losses[header.ssrc] = LossCounter()
        before = counter.lost
        counter.update(header.sequence)
        if counter.lost != before:
            self.stats.lost[user_id] = self.stats.lost.get(user_id, 0) + counter.lost - before
