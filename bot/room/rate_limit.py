"""How much one participant may say into a call by data packets and text streams. Pure: time comes in as an argument.

The author of a voicebot's prompt decides what it sends, and every message takes time in the media loop. Messages above
the rate of a very talkative voicebot are dropped and counted, with a token bucket for each sender.
"""

from dataclasses import dataclass

#: Messages and bytes in a second, and as many seconds of both at once. A recogniser sends ten interims in a second.
MESSAGES_PER_SECOND, BYTES_PER_SECOND, BURST_SECONDS = 40.0, 64 * 1024.0, 4.0
#: Senders with a bucket of their own; all others share one.
MAX_SENDERS = 16


@dataclass(slots=True)
class _Bucket:
    messages: float
    size: float
    at: float


class MessageRateLimit:
    """Limits how much a room may send; asked once for every message."""

    def __init__(self) -> None:
        self.dropped = 0
        self._buckets: dict[str, _Bucket] = {}

    def accepts(self, sender: str, size: int, now: float) -> bool:
        """Return whether a message of `size` bytes is taken at `now`, in seconds of a monotonic clock."""
        if sender not in self._buckets and len(self._buckets) >= MAX_SENDERS:
            sender = ""
        full = _Bucket(MESSAGES_PER_SECOND * BURST_SECONDS, BYTES_PER_SECOND * BURST_SECONDS, now)
        bucket = self._buckets.setdefault(sender, full)
        passed = max(0.0, now - bucket.at)
        bucket.at = now
        bucket.messages = min(MESSAGES_PER_SECOND * BURST_SECONDS, bucket.messages + passed * MESSAGES_PER_SECOND)
        bucket.size = min(BYTES_PER_SECOND * BURST_SECONDS, bucket.size + passed * BYTES_PER_SECOND)
        if bucket.messages < 1 or bucket.size < size:
            self.dropped += 1
            return False
        bucket.messages -= 1
        bucket.size -= size
        return True
