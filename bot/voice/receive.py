"""From a datagram to one speaker's Opus packet: RTP, transport encryption, who it is, DAVE.

Pure but for its counters: bytes and times in, packets out, no clock and no I/O. Whatever is wrong with a datagram, it
is counted and dropped; nothing raises.
"""

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from . import rtp
from .aead import TransportCipher
from .dave import SEALED, SILENCE_FRAME, DaveSession
from .losses import LossCounter
from .owners import OwnerSearch

#: Packets of one SSRC kept until its owner is known: SPEAKING can come a moment after the first sound.
HELD_PER_SSRC = 25
HELD_SSRCS = 16
#: Seconds for which packets are held: an SSRC without an owner may belong to somebody else later.
HELD_SECONDS = 1.0
#: SSRCs without an owner that are counted each for itself; the others are counted together, under 0.
COUNTED_SSRCS = 16


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
    unknown_ssrc: int = 0  # before it was known whose they are
    heard: int = 0  # opened, with sound in them: silence frames come in clear and prove nothing
    without_consent: int = 0  # of people who do not want to be heard, or who may be theirs
    unowned: dict[int, int] = field(default_factory=dict)  # by SSRC: those of whom nobody knows to this moment
    lost: dict[int, int] = field(default_factory=dict)  # by user id; what is only late among them, until it comes
    undecryptable: dict[int, int] = field(default_factory=dict)  # by user id


class Receiver:
    """Unwraps the datagrams of one voice session and hands each packet to `sink`."""

    def __init__(
        self,
        dave: DaveSession,
        sink: Callable[[OpusPacket], None],
        may_hear: Callable[[int], bool] = lambda user_id: True,
    ) -> None:
        """Packets of users whom it may not hear are dropped before anything of them is decrypted."""
        self._may_hear = may_hear
        self.stats = ReceiveStats()
        self._dave = dave
        self._sink = sink
        self._cipher: TransportCipher | None = None
        self._users: dict[int, int] = {}  # SSRC -> user id
        self._losses: dict[int, LossCounter] = {}  # by SSRC, of those whose user is known
        self._held: dict[int, deque[tuple[float, rtp.RtpHeader, bytes]]] = {}
        self._owners = OwnerSearch(dave.try_open)
        self._reserved: set[int] = set()  # SSRCs that may be those of people without a name who are not to be heard

    def use(self, cipher: TransportCipher) -> None:
        """Open what comes from now on with this cipher."""
        self._cipher = cipher

    def map_ssrc(self, ssrc: int, user_id: int, now: float) -> None:
        """Note whose SSRC this is, by SPEAKING or by a frame that their keys opened; packets held for it are delivered
        now. `now` is in seconds."""
        if self._users.get(ssrc) != user_id:
            self._losses.pop(ssrc, None)
        self._users[ssrc] = user_id
        self._reserved.discard(ssrc)
        self.stats.unowned.pop(ssrc, None)
        for held_at, header, frame in self._held.pop(ssrc, ()):
            if now - held_at <= HELD_SECONDS:
                self._count_losses(user_id, header)
                self._deliver(user_id, header, frame, now)

    def forget_user(self, user_id: int) -> None:
        """Forget a user who left: its SSRC belongs to nobody until SPEAKING says otherwise."""
        for ssrc in [ssrc for ssrc, owner in self._users.items() if owner == user_id]:
            del self._users[ssrc]
            self._losses.pop(ssrc, None)

    def receive(self, datagram: bytes, now: float) -> None:
        """Take in one datagram from the voice server, at `now` in seconds on any monotonic clock."""
        stats = self.stats
        header = rtp.parse_header(datagram)
        if header is None or self._cipher is None:
            stats.not_rtp += 1
            return
        user_id = self._users.get(header.ssrc)
        if user_id is not None and not self._may_hear(user_id):
            stats.without_consent += 1
            self._losses.pop(header.ssrc, None)  # what is not looked at is not lost
            return
        payload = self._cipher.open(datagram, header.size)
        if payload is None:
            stats.not_authentic += 1
            return
        if user_id is not None:  # whatever is in it, it has arrived
            self._count_losses(user_id, header)
        frame = rtp.strip(payload, header)
        if not frame:
            stats.malformed += 1
            return
        stats.received += 1
        if user_id is None:
            self._find_owner(header, frame, now)
        else:
            self._deliver(user_id, header, frame, now)

    def _find_owner(self, header: rtp.RtpHeader, frame: bytes, now: float) -> None:
        """Find the owner of an SSRC that Discord has not announced, by the keys of everybody who may be heard."""
        if self._open_with_any(header, frame, now):
            return
        self._hold(header, frame, now)
        self._count_unowned(header.ssrc, self._dave.group.difference(self._users.values()))

    def _open_with_any(self, header: rtp.RtpHeader, frame: bytes, now: float) -> bool:
        """Try the keys of those who may be heard, and make whose keys open the frame the owner of its SSRC."""
        if not (frame.endswith(SEALED) and self._owners.may_try(now)):
            return False
        owned = set(self._users.values())
        with_consent = [user_id for user_id in self._dave.group if self._may_hear(user_id)]
        # Those who have an SSRC already may have a new one.
        candidates = sorted(with_consent, key=lambda user_id: (user_id in owned, user_id))
        found = self._owners.find(header.ssrc, frame, candidates)
        if found is None:
            return False
        user_id, opus = found
        self.map_ssrc(header.ssrc, user_id, now)
        self._count_losses(user_id, header)
        self._hand_on(user_id, header, opus)
        return True

    def _count_unowned(self, ssrc: int, unnamed: Collection[int]) -> None:
        """Count a packet without a known owner. It may come from a person who has not agreed to be heard and whom
        Discord has not identified, so as many SSRCs as there are such people are reserved and not reported."""
        without_consent = sum(not self._may_hear(user_id) for user_id in unnamed)
        if len(self._reserved) > without_consent:  # one of them has left, or agreed
            self._reserved.clear()
        if ssrc in self._reserved or len(self._reserved) < without_consent:
            self._reserved.add(ssrc)
            self.stats.without_consent += 1
            return
        unowned = self.stats.unowned
        counted = ssrc if ssrc in unowned or len(unowned) < COUNTED_SSRCS else 0
        unowned[counted] = unowned.get(counted, 0) + 1

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

    def _deliver(self, user_id: int, header: rtp.RtpHeader, frame: bytes, now: float) -> None:
        if not self._may_hear(user_id):  # it was held before its owner was known
            self.stats.without_consent += 1
            return
        opus = self._dave.open(user_id, frame)
        if opus is None:
            # Either the keys are just changing, or the SSRC has changed hands and SPEAKING was not sent or was lost.
            if self._open_with_any(header, frame, now):
                return
            undecryptable = self.stats.undecryptable
            undecryptable[user_id] = undecryptable.get(user_id, 0) + 1
            return
        self._hand_on(user_id, header, opus)

    def _hand_on(self, user_id: int, header: rtp.RtpHeader, opus: bytes) -> None:
        self.stats.heard += opus != SILENCE_FRAME
        self._sink(OpusPacket(user_id, header.ssrc, header.sequence, header.timestamp, opus))

    def _count_losses(self, user_id: int, header: rtp.RtpHeader) -> None:
        counter = self._losses.get(header.ssrc)
        if counter is None:
            counter = self._losses[header.ssrc] = LossCounter()
        before = counter.lost
        counter.update(header.sequence)
        if counter.lost != before:
            self.stats.lost[user_id] = self.stats.lost.get(user_id, 0) + counter.lost - before
