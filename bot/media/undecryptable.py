"""Who speaks and cannot be decrypted for longer than a change of keys takes. Pure: counters in, events out."""

from collections.abc import Callable, Mapping

from bot.voice.receive import ReceiveStats

from .events import Undecryptable, Unowned

#: Packets in a second from which on somebody counts as speaking: half of what a microphone sends.
SPEAKING = 25
#: Seconds in a row: a DAVE transition takes up to three (MLS commit and welcome to everybody).
SECONDS_TO_REPORT = 4
#: Seconds until the same person is reported again.
REPEAT_AFTER = 120


class UndecryptableMonitor:
    """Posts an event about people who speak and are not heard; `update` it once a second."""

    def __init__(self, post: Callable[[Undecryptable | Unowned], None]) -> None:
        self._post = post
        self._undecryptable = UndecryptableCounts()
        self._unowned = UndecryptableCounts()  # by SSRC

    def forget_unowned(self) -> None:
        """Reset the counts of packets without an owner: in a new voice session SSRCs belong to others."""
        self._unowned = UndecryptableCounts()

    def update(self, stats: ReceiveStats) -> None:
        """Compare the counters of the voice session with those of a second ago."""
        for user_id in self._undecryptable.update(stats.undecryptable):
            self._post(Undecryptable(user_id))
        if self._unowned.update(stats.unowned):
            self._post(Unowned())


class UndecryptableCounts:
    """Finds people who are not heard, in counters by user id or SSRC; `update` it once a second."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}
        self._seconds: dict[int, int] = {}
        self._silent: dict[int, int] = {}  # seconds in which it is not said again

    def update(self, undecryptable: Mapping[int, int]) -> list[int]:
        """Take in the packets that could not be decrypted so far, by user; those who should be told about now."""
        found = []
        for user_id, packets in undecryptable.items():
            fresh = packets - self._before.get(user_id, 0)
            self._before[user_id] = packets
            if fresh < 0:  # a new voice session counts from zero
                fresh = packets
            self._seconds[user_id] = self._seconds.get(user_id, 0) + 1 if fresh >= SPEAKING else 0
            silent = self._silent[user_id] = max(0, self._silent.get(user_id, 0) - 1)
            if self._seconds[user_id] >= SECONDS_TO_REPORT and not silent:
                self._silent[user_id] = REPEAT_AFTER
                found.append(user_id)
        return found
