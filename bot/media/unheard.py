"""Who speaks and cannot be decrypted for longer than a change of keys takes. Pure: counters in, user ids out."""

from collections.abc import Mapping

#: Packets in a second from which on somebody counts as speaking: half of what a microphone sends.
SPEAKING = 25
#: Seconds in a row: a DAVE transition takes up to three (MLS commit and welcome to everybody).
PATIENCE = 4
#: Seconds until it is said again.
REPEAT = 120


class UnheardSpeakers:
    """Finds them when it is called once a second."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}
        self._seconds: dict[int, int] = {}
        self._silent: dict[int, int] = {}  # seconds in which it is not said again

    def update(self, undecryptable: Mapping[int, int]) -> list[int]:
        """Packets that could not be decrypted so far, by user; those who should be told about now."""
        found = []
        for user_id, packets in undecryptable.items():
            fresh = packets - self._before.get(user_id, 0)
            self._before[user_id] = packets
            if fresh < 0:  # a new voice session counts from zero
                fresh = packets
            self._seconds[user_id] = self._seconds.get(user_id, 0) + 1 if fresh >= SPEAKING else 0
            silent = self._silent[user_id] = max(0, self._silent.get(user_id, 0) - 1)
            if self._seconds[user_id] >= PATIENCE and not silent:
                self._silent[user_id] = REPEAT
                found.append(user_id)
        return found
