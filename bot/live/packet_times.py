"""When packets of sound were sent by one bot and received by another one in the same process, by their RTP timestamps.

Both are noted by the same clock, so that the difference is the time on the way, through Discord and back. Pure.
"""

import struct
from dataclasses import dataclass

from bot.recorder.events import Direction

#: Packets that are remembered of each direction; ten minutes of sound have 30,000.
MAX_PACKETS = 30_000
#: Packets of 20 ms at the begin of something that is said, in which first syllables are lost.
FIRST = 10
#: Discord's payload type of Opus, and the version in an RTP header (RFC 3550 section 5.1).
_OPUS, _VERSION = 0x78, 2
_HEADER = struct.Struct(">BBHI")


class PacketTimes:
    """The packets of sound that one bot has sent and received, with their times in seconds."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}  # by timestamp
        self.received: dict[int, float] = {}

    def note(self, direction: Direction, datagram: bytes, now: float) -> None:
        """Take in a datagram; what is no packet of sound is passed over."""
        if len(datagram) < _HEADER.size:
            return
        first, second, _, timestamp = _HEADER.unpack_from(datagram)
        if first >> 6 != _VERSION or second & 0x7F != _OPUS:
            return
        times = self.sent if direction == "out" else self.received
        if len(times) < MAX_PACKETS:
            times.setdefault(timestamp, now)


@dataclass(frozen=True, slots=True)
class Transit:
    """How packets got from one bot to the other. `usual` and `slow` are seconds on the way, of half of them and of 95
    in 100; they are 0 when none arrived."""

    packets: int
    arrived: int
    first: int  # of the first `FIRST` ones
    missing: int  # before the first one that arrived; all of them, when none did
    usual: float
    slow: float


def transit(sender: PacketTimes, receiver: PacketTimes, since: float) -> Transit:
    """Return what became of the packets that were sent from a time on."""
    received = receiver.received.copy()  # both go on being written in the media loop
    sent = sorted((at, timestamp) for timestamp, at in sender.sent.copy().items() if at >= since)
    times = [received[timestamp] - at for at, timestamp in sent if timestamp in received]
    ranked = sorted(times)
    arrived = [timestamp in received for _, timestamp in sent]
    return Transit(
        packets=len(sent),
        arrived=len(times),
        first=sum(arrived[:FIRST]),
        missing=arrived.index(True) if any(arrived) else len(arrived),
        usual=ranked[len(ranked) // 2] if ranked else 0.0,
        slow=ranked[min(len(ranked) - 1, len(ranked) * 95 // 100)] if ranked else 0.0,
    )
