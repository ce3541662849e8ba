"""The bot's side of its watchdog: start it, keep it running, and have it open sessions."""

import asyncio
import contextlib
import itertools
import logging
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.billing.ledger import SessionRecord
from bot.errors import ProviderDown
from bot.language import say
from bot.provider import VoicebotSession
from bot.recorder.exchanges import Exchange, observer

from . import messages
from .messages import NotOpened, Open, Opened, Ready

log = logging.getLogger(__name__)

RESTART_DELAY = 1.0  # seconds
FAREWELL_TIMEOUT = 1.0  # seconds for it to see that nothing is left
#: Seconds beyond the provider's `answer_timeout` in which a working watchdog says that there is no answer: more than
#: two changes of a busy ledger take.
ANSWER_GRACE = 10.0
#: Seconds that a request waits for a watchdog that has just been started: it takes two of a processor of its own, and
#: Discord waits a quarter of an hour for the answer to a command.
READY_TIMEOUT = 15.0


#: Starts the same code as this process, whatever the working folder contains: `-m bot` would run a `bot.py` from
#: there, with all secrets in its environment, and import a `token.py` in place of Python's.
START = """
import sys
root = sys.argv.pop(1)
if root not in sys.path:
    sys.path.insert(0, root)
from bot.__main__ import run
run()
"""


@dataclass(frozen=True, slots=True)
class _Request:
    """A session that the watchdog is asked to open; `report` is told of the requests that were made for it."""

    record: SessionRecord
    answer: "asyncio.Future[VoicebotSession]"
    report: Callable[[Exchange], None] | None


class WatchdogClient:
    """Implements `SessionOpener`. `command` starts the process, less what tells it about the line to the bot;
    `answer_timeout_of` is how many seconds a session's provider may take to answer."""

    def __init__(self, command: Sequence[str], answer_timeout_of: Callable[[SessionRecord], float]) -> None:
        self._command = list(command)
        self._answer_timeout_of = answer_timeout_of
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Request] = {}

    async def start(self) -> None:
        """Start the process, and another one whenever it dies."""
        reader = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(reader), name="watchdog")

    async def ready(self) -> bool:
        """Wait until the watchdog takes requests; False when it does not in that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_TIMEOUT):
                await self._ready.wait()
        return self._ready.is_set()

    async def stop(self) -> None:
        """Close the connection. The watchdog exits by itself once no session is open, and is never killed."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._hang_up()
        process = self._process
        if process is None:
            return
        # The end of a container's first process is the end of all that are in it.
        limit = math.inf if os.getpid() == 1 else FAREWELL_TIMEOUT
        since, told = time.monotonic(), False
        while time.monotonic() - since < limit:
            if process.poll() is not None:
                return
            if not told and time.monotonic() - since > FAREWELL_TIMEOUT:
                told = True
                log.warning("sessions are open and this container ends with the bot: waiting until they are ended")
            await asyncio.sleep(0.05)
        log.warning("the watchdog (process %d) goes on ending what is still open", process.pid)
        self._let_go()

    async def open(self, record: SessionRecord, participant: str) -> VoicebotSession:
        """Have the watchdog open a session (ProviderDown, and what the provider says)."""
        if not await self.ready() or self._writer is None:
            raise ProviderDown(
                "the watchdog is not ready",
                for_user=say("The bot is repairing itself. Try again in a few seconds."),
            )
        limit = self._answer_timeout_of(record) + ANSWER_GRACE
        number = next(self._numbers)
        answer: asyncio.Future[VoicebotSession] = asyncio.get_running_loop().create_future()
        report = observer.get()
        self._waiting[number] = _Request(record, answer, report)
        request = Open(
            number=number,
            record=record,
            participant=participant,
            observed=report is not None,
            deadline=time.monotonic() + limit,
        )
        messages.write(self._writer, request)
        try:
            async with asyncio.timeout(limit):
                return await answer
        except TimeoutError:
            # Frozen. Another one takes its place; if it wakes up, it finds that nobody listens, and ends what it has.
            log.error("the watchdog does not answer")
            self._waiting.pop(number, None)
            self._hang_up()
            raise messages.lost(record, "froze") from None

    async def _spawn(self) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        with theirs:
            # Not asyncio's subprocess: that kills its child when the loop closes.
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - forks and goes on
                [*self._command, "--socket", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=messages.LINE_LIMIT)
        return reader

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        while True:
            await self._listen(reader)
            self._hang_up()
            await asyncio.sleep(RESTART_DELAY)
            log.error("the watchdog is gone (%s); starting another", self._let_go())
            reader = await self._respawn()

    async def _respawn(self) -> asyncio.StreamReader:
        while True:
            try:
                return await self._spawn()
            except OSError as error:  # no memory or no processes left; that may pass
                log.error("the watchdog cannot be started: %s", error)
                await asyncio.sleep(RESTART_DELAY)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await messages.read(reader)) is not None:
            if isinstance(message, Ready):
                self._ready.set()
            if not isinstance(message, Opened | NotOpened):
                continue
            request = self._waiting.pop(message.number, None)
            if request is None:
                continue
            for exchange in message.exchanges:
                if request.report is not None:
                    request.report(exchange)
            if request.answer.done():
                continue
            if isinstance(message, Opened):
                request.answer.set_result(message.session)
            else:
                request.answer.set_exception(message.exception())

    def _hang_up(self) -> None:
        self._ready.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for request in self._waiting.values():
            if not request.answer.done():
                request.answer.set_exception(messages.lost(request.record))
        self._waiting.clear()

    def _let_go(self) -> str:
        """Return what became of the process, and stop waiting for it if it is still running."""
        if self._process is None:
            return "never started"
        code = self._process.poll()
        self._process.returncode = code or 0
        return "frozen" if code is None else f"exit code {code}"


def command(config_file: str, instance: int) -> list[str]:
    """Return the command with which the bot starts its watchdog."""
    root = str(Path(__file__).parents[2])
    return [sys.executable, "-P", "-c", START, root, "watchdog", config_file, "--instance", f"{instance:x}"]
