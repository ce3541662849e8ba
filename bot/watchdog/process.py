"""The watchdog process: it opens sessions for the bot, watches its heartbeat, and ends the sessions it leaves open.

The DELETE is sent at most `POLL_INTERVAL` after the bot dies, and `heartbeat_limit` + `POLL_INTERVAL` after it freezes.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import time

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import Ledger, SessionRecord
from bot.billing.opening import RecordedOpener, named
from bot.errors import LedgerError, ParleyError
from bot.recorder.exchanges import Exchange, observer

from . import messages
from .heartbeat import BotStatus, HeartbeatReader
from .messages import NotOpened, Open, Opened, Ready

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.5  # seconds
#: Seconds that a dying process may take to give back its lock, once its connection is closed.
LOCK_TIMEOUT = 3.0


class Watchdog:
    """Opens sessions for a bot, and ends them when it is dead. `instance` is the run of the bot that started this
    process. It is None when an operator started it; the process never exits by itself then."""

    def __init__(
        self,
        ledger: Ledger,
        closer: SessionCloser,
        opener: RecordedOpener,
        heartbeat: HeartbeatReader,
        instance: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._closer = closer
        self._opener = opener
        self._heartbeat = heartbeat
        self._instance = instance
        self._requests: set[asyncio.Task[None]] = set()
        self._ended: set[str] = set()  # by this process, whatever the disk made of that
        self._hurry = asyncio.Event()
        self._hung_up_at: float | None = None

    async def run(self, connection: socket.socket | None, stop: asyncio.Event) -> None:
        """Run until `stop`, or until the bot is gone and nothing of it is left open."""
        talking = (
            None if connection is None else asyncio.create_task(self._talk(connection), name="connection to the bot")
        )
        try:
            while not stop.is_set():
                left = await self._look_after()
                if self._instance is not None and not left:
                    break
                self._hurry.clear()
                waits = [asyncio.create_task(event.wait()) for event in (stop, self._hurry)]
                await asyncio.wait(waits, timeout=POLL_INTERVAL, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            if talking is not None:
                talking.cancel()
            await asyncio.gather(*([talking] if talking else []), *self._requests, return_exceptions=True)
            await self._opener.stop()
            await self._closer.stop()

    async def _look_after(self) -> bool:
        """Check the bot and the ledger once. Return False when there is no reason to keep running."""
        sign = self._look()
        if sign.alive:
            # A bot that hung up, and another run of the bot, have another watchdog, and end what they find open.
            ours = sign.instance == self._instance and not self._was_left()
            return self._instance is None or ours or self._busy()
        try:
            records = await self._ledger.unsettled()
        except LedgerError as error:
            log.error("%s", error)
            return True
        if self._look().alive:
            return True
        left = [record for record in records if record.must_be_ended and record.id not in self._ended]
        for record in left:
            if not self._closer.is_ending(record.id):
                log.warning("the bot is gone; ending session %s", record.id)
                ending = self._closer.end(record, record.reason or EndReason.WATCHDOG)
                ending.add_done_callback(self._on_ended)
        return bool(left) or self._busy()

    def _on_ended(self, ending: "asyncio.Task[SessionRecord]") -> None:
        if not ending.cancelled() and ending.exception() is None:
            self._ended.add(ending.result().id)

    def _look(self) -> BotStatus:
        return self._heartbeat.look(time.monotonic())

    def _was_left(self) -> bool:
        """Whether the bot hung up and lives on. At first it may be dying: the kernel closes its files one by one."""
        return self._hung_up_at is not None and time.monotonic() - self._hung_up_at > LOCK_TIMEOUT

    def _busy(self) -> bool:
        return bool(self._requests) or self._opener.waiting

    # -- the bot's requests ---------------------------------------------------------------------------------------

    async def _talk(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=messages.LINE_LIMIT)
        messages.write(writer, Ready())
        try:
            while (message := await messages.read(reader)) is not None:
                if isinstance(message, Open):
                    task = asyncio.create_task(self._open(message, writer), name=f"opening {message.record.id}")
                    self._requests.add(task)
                    task.add_done_callback(self._requests.discard)
        finally:
            self._hung_up_at = time.monotonic()
            self._hurry.set()
            writer.close()

    async def _open(self, request: Open, writer: asyncio.StreamWriter) -> None:
        if time.monotonic() > request.deadline:  # this process was frozen, and nobody waits any more
            log.error("the request to open session %s is too old; nothing is opened", request.record.id)
            return
        answer: Opened | NotOpened
        reference: str | None = None
        exchanges: list[Exchange] = []
        if request.observed:
            observer.set(exchanges.append)  # this is a task of its own, with a context of its own
        try:
            session = await self._opener.open(request.record, request.participant)
            reference = session.reference
            answer = Opened(number=request.number, session=session, exchanges=tuple(exchanges))
        except ParleyError as error:
            reference = getattr(error, "reference", None)
            answer = NotOpened.of(request.number, error, exchanges)
        except Exception as error:
            log.exception("opening session %s failed", request.record.id)
            unexpected = ParleyError(f"unexpected in the watchdog: {type(error).__name__}")
            answer = NotOpened.of(request.number, unexpected, exchanges)
        if not writer.is_closing():
            messages.write(writer, answer)
            with contextlib.suppress(OSError):  # the bot died meanwhile; its heartbeat tells
                await writer.drain()
        elif reference is not None:  # nobody is there any more to use it; another run of the bot knows nothing of it
            log.warning("no call waits for session %s any more; ending it", request.record.id)
            await self._closer.end(named(request.record, reference, time.time()), EndReason.WATCHDOG)


def outlive_the_bot() -> None:
    """Ignore the signals that end the bot: Ctrl+C and service managers send them to all processes. The watchdog
    exits by itself when no session is open."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
