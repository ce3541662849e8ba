"""Shows the watchdog whether the bot is alive, with a locked file beside the ledger and a counter in it.

The kernel releases the lock as soon as a process dies, so the death shows at once. A frozen process keeps its lock but
stops counting. The counter is in shared memory, so it works even if the disk becomes full or read-only. The lock also
prevents a second bot from using the same ledger.
"""

import fcntl
import mmap
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from bot.errors import LedgerError

_LAYOUT = struct.Struct("<QQI")  # beats, instance, process id
_BEATS = struct.Struct("<Q")


def lock_file(ledger: Path) -> Path:
    """Return the path of the file beside a ledger."""
    return ledger.with_name(ledger.name + ".lock")


def is_held(file: Path) -> bool:
    """Return whether a bot has the lock, found out without writing anything; False where there is no such file."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _map(file: Path) -> tuple[int, mmap.mmap]:
    descriptor = -1
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(descriptor).st_size < _LAYOUT.size:
            os.ftruncate(descriptor, _LAYOUT.size)
        return descriptor, mmap.mmap(descriptor, _LAYOUT.size)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise LedgerError(f"the lock file {file} cannot be used: {error.strerror}; make it writable") from error


class Heartbeat:
    """The bot's side of the heartbeat. `instance` tells one run of the bot from the next."""

    def __init__(self, file: Path) -> None:
        self.instance = secrets.randbits(64)
        self._beats = 0
        self._descriptor, self._memory = _map(file)

    def take(self) -> bool:
        """Take the lock; False while another process has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._memory[:] = _LAYOUT.pack(self._beats, self.instance, os.getpid())
        return True

    def holder(self) -> int:
        """Return the id of the process that took the lock last."""
        return int(_LAYOUT.unpack(self._memory[:])[2])

    def beat(self) -> None:
        """Count one more beat, in shared memory."""
        self._beats += 1
        self._memory[: _BEATS.size] = _BEATS.pack(self._beats)

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        if self._descriptor >= 0:
            self._memory.close()
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class BotStatus:
    """What was seen of a heartbeat: whether a bot lives, and which run of it held the lock last."""

    alive: bool
    instance: int


class HeartbeatReader:
    """The watchdog's side of the heartbeat. `limit` is in seconds without a beat."""

    def __init__(self, file: Path, limit: float) -> None:
        self._limit = limit
        self._descriptor, self._memory = _map(file)
        self._seen: tuple[int, int] | None = None
        self._seen_at = 0.0

    def look(self, now: float) -> BotStatus:
        """Look at the heartbeat; `now` is `time.monotonic()`."""
        beats, instance, _ = _LAYOUT.unpack(self._memory[:])
        if self._seen != (beats, instance):
            self._seen, self._seen_at = (beats, instance), now
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return BotStatus(now - self._seen_at <= self._limit, instance)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return BotStatus(False, instance)

    def close(self) -> None:
        """Close the lock file; it is not removed."""
        self._memory.close()
        os.close(self._descriptor)
