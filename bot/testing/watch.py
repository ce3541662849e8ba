"""Finds out whether a plugin blocks the event loop, which delays the commands and messages of all servers."""

import asyncio
import math
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType

#: Seconds the loop may be kept busy at a time.
MAX_BUSY = 0.15
#: Seconds between two looks.
CHECK_INTERVAL = 0.01


class BlockWatch:
    """`with BlockWatch(folder) as watch:` around what runs on this thread's loop; `found` says what blocked it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the plugin's: what blocks is its own only if its code is on the stack."""
        self.found: list[str] = []
        self._folder = str(folder.resolve()) + os.sep
        self._thread_id = threading.get_ident()
        self._state = Path(f"/proc/self/task/{threading.get_native_id()}/stat")  # there is one on Linux
        self._beats = 0
        self._over = threading.Event()
        self._beating: asyncio.Task[None] | None = None
        self._looking = threading.Thread(target=self._look, name="asyncio_block_watch", daemon=True)

    def __enter__(self) -> "BlockWatch":
        self._beating = asyncio.get_running_loop().create_task(self._beat(), name="block watch")
        self._looking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._looking.join()
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._beats += 1
            await asyncio.sleep(CHECK_INTERVAL)

    def _look(self) -> None:
        beats, busy, place = self._beats, 0.0, None
        before, used_before = time.monotonic(), self._used()
        while not self._over.wait(CHECK_INTERVAL):
            now, used = time.monotonic(), self._used()
            passed, worked = now - before, used - used_before
            before, used_before = now, used
            if self._beats != beats:
                beats, busy, place = self._beats, 0.0, None
                continue
            # A look that comes late itself says nothing, nor does a loop that waits for the processor, unless it has
            # computed: the machine may have other things to do.
            counts = passed < 3 * CHECK_INTERVAL and not self._wants_to_run()
            busy += passed if counts else min(passed, worked)
            place = place or self._place()
            if place is not None and busy >= MAX_BUSY:
                self.found.append(place)
                busy = -math.inf  # told once for each time

    def _used(self) -> float:
        """Seconds of the processor that the loop's thread has used; the whole process where the system does not say."""
        if not hasattr(time, "pthread_getcpuclockid"):
            return time.process_time()
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread_id))

    def _wants_to_run(self) -> bool:
        """Whether the loop's thread runs or would like to, and is not asleep (proc(5), `stat`)."""
        try:
            return self._state.read_text().rpartition(")")[2].split()[0] == "R"
        except OSError:
            return False

    def _place(self) -> str | None:
        """Where in the plugin the loop's thread is; None when it is not in it, or only imports it."""
        frame: FrameType | None = sys._current_frames().get(self._thread_id)
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(self._folder) and frame.f_code.co_name != "<module>":
                return f"{name.removeprefix(self._folder)}:{frame.f_lineno}"
            frame = frame.f_back
        return None
