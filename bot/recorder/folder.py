"""A folder of flight records: one file of JSON lines for each call, bounded in size, number and age.

A thread writes them, so that a slow disk holds up no loop; a disk that fails costs the flight record and nothing else.
"""

import contextlib
import json
import logging
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .recorder import FlightRecorder
from .redactor import Redactor

log = logging.getLogger(__name__)

FORMAT = 1
SUFFIX = ".jsonl"
#: What its own files are called: a time, and the call's id. Any other file in the folder is somebody else's.
OWN_FILES = f"{'[0-9]' * 8}-{'[0-9]' * 6}-*{SUFFIX}"
#: Bytes of one file, files in the folder, and days for which a file is kept.
MAX_BYTES, MAX_FILES, MAX_DAYS = 2 * 1024 * 1024, 200, 14
#: Events that wait for the disk.
MAX_WAITING = 5000
#: Seconds that closing the folder waits for the disk.
CLOSE_TIMEOUT = 2.0

_Job = tuple[str, float, Any]


class RecordFolder:
    """Writes the flight records of all calls of a process. Close it when they have ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}  # by name; the thread's own
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="flight records", daemon=True)
        self._thread.start()

    def begin(self, name: str, header: Mapping[str, Any]) -> FlightRecorder:
        """Begin a flight record, whose file has this name; `header` is what its first line says."""
        stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{name}"
        recorder = FlightRecorder(
            lambda at, event: self._put((stem, at, event)),
            lambda at, dropped: self._jobs.put_nowait((stem, at, _End(dropped))),
        )
        self._jobs.put_nowait((stem, 0.0, _Header({"kind": "record", "format": FORMAT, **header})))
        return recorder

    def close(self) -> None:
        """Write what was reported, and end."""
        self._jobs.put_nowait(None)
        self._thread.join(CLOSE_TIMEOUT)

    def _put(self, job: _Job) -> bool:
        """Hand an event to the thread; whether it was taken, since a call goes on while the disk stands still."""
        if self._jobs.qsize() >= MAX_WAITING:
            return False
        self._jobs.put_nowait(job)
        return True

    # -- the thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._clean_up()
        while (job := self._jobs.get()) is not None:
            stem, at, event = job
            try:
                self._write(stem, at, event)
            except OSError as error:
                self._give_up(stem)
                log.error("the flight record %s cannot be written: %s", stem, error)
            except Exception:
                log.exception("an event of the flight record %s cannot be written", stem)
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.end({})
        self._files.clear()

    def _write(self, stem: str, at: float, event: Any) -> None:
        if isinstance(event, _Header):
            self._clean_up()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files[stem] = _File(self._folder / f"{stem}{SUFFIX}")
            self._files[stem].write({"t": 0.0, **event.fields})
        elif (file := self._files.get(stem)) is None:
            return
        elif isinstance(event, _End):
            del self._files[stem]
            file.end({"t": round(at, 3), **({"dropped": event.dropped} if event.dropped else {})})
        else:
            file.write({"t": round(at, 3), **file.redactor.entry(event)})

    def _give_up(self, stem: str) -> None:
        file = self._files.pop(stem, None)
        if file is not None:
            with contextlib.suppress(OSError):
                file.stream.close()

    def _clean_up(self) -> None:
        """Remove the oldest files where there are too many, and those that are too old."""
        try:
            files = sorted(self._folder.glob(OWN_FILES))
            oldest = time.time() - MAX_DAYS * 86_400
            surplus = max(0, len(files) + 1 - MAX_FILES)
            for number, file in enumerate(files):
                if number < surplus or file.stat().st_mtime < oldest:
                    file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("old flight records cannot be removed: %s", error)


class _Header:
    """Begins the file of one call."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields


class _End:
    """Ends the file of one call; so many events were too many to keep."""

    def __init__(self, dropped: int) -> None:
        self.dropped = dropped


class _File:
    """One flight record on disk."""

    def __init__(self, path: Path) -> None:
        self.redactor = Redactor()
        self.stream: IO[str] = path.open("x", encoding="utf-8")
        self._size = 0
        self._cut = 0  # lines that were too many

    def write(self, entry: Mapping[str, Any]) -> None:
        """Write one line, unless the file is as long as it may be."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n"
        self._size += len(line.encode())
        if self._size > MAX_BYTES:
            self._cut += 1
            return
        self.stream.write(line)
        self.stream.flush()

    def end(self, fields: Mapping[str, Any]) -> None:
        """Write the last line, and close the file."""
        cut = {"cut": self._cut} if self._cut else {}
        self.stream.write(json.dumps({**fields, "kind": "end of record", **cut}) + "\n")
        self.stream.close()
