"""The parts of the process that deal with billing, opened before Discord and closed after it: the ledger, its lock,
the provider accounts, the watchdog, and the parts that open and end sessions."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import Ledger
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.opening import RecordedOpener, SessionOpener
from bot.cancellation import StepCancelled, cancel_when
from bot.config.load import Config
from bot.errors import LedgerError
from bot.network import Network
from bot.plugin_host.plugin import Plugin
from bot.plugin_host.providers import Providers
from bot.watchdog.client import WatchdogClient, command
from bot.watchdog.heartbeat import Heartbeat, is_held, lock_file

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 1.0  # seconds
#: Seconds to wait for the bot before this one, which may be ending its calls still.
LOCK_TIMEOUT = 10.0


class BillingServices:
    """Everything that has to do with money. Opened with `open`, and closed when every call has ended."""

    def __init__(
        self,
        current: Callable[[], Config],
        plugins: Mapping[str, type[Plugin[Any]]],
        ledger: Ledger,
        heartbeat: Heartbeat,
    ) -> None:
        config = current()
        self.ledger = ledger
        self.network = Network.of(config.host.network)  # the whole time: what ends sessions must not change under them
        self.providers = Providers(current, plugins, lambda: self.network)
        self.closer = SessionCloser(ledger, self.providers.enders)
        self.opener: SessionOpener
        self._heartbeat = heartbeat
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")
        self._watchdog: WatchdogClient | None = None
        self._own_opener: RecordedOpener | None = None
        if config.host.ledger.watchdog:
            self._watchdog = self.opener = WatchdogClient(
                command(str(config.file), heartbeat.instance),
                lambda record: self.providers.of_session(record).answer_timeout,
            )
        else:
            self._own_opener = self.opener = RecordedOpener(ledger, self.closer, self.providers.of_session)

    @classmethod
    async def open(cls, current: Callable[[], Config], plugins: Mapping[str, type[Plugin[Any]]]) -> "BillingServices":
        """Open all of them; `current` gives the config in force, whenever it is asked. LedgerError when the ledger
        cannot be used, or another bot has it."""
        file = current().ledger_file
        ledger = await SqliteLedger.open(file)
        try:
            heartbeat = Heartbeat(lock_file(file))
            await _acquire(heartbeat)
        except LedgerError:
            await ledger.close()
            raise
        billing = cls(current, plugins, ledger, heartbeat)
        if billing._watchdog is not None:
            await billing._watchdog.start()
        return billing

    async def ready(self) -> None:
        """Wait until sessions can be opened; a watchdog that does not come up is started again and again meanwhile."""
        if self._watchdog is not None and not await self._watchdog.ready():
            log.error("the watchdog is not ready yet; no call begins without it")

    async def close(self) -> None:
        """Close everything, after the calls have ended. What is still open is left to the watchdog, and to the next
        start."""
        if self._own_opener is not None:
            await self._own_opener.stop()
        await self.closer.stop()
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._heartbeat.release()
        if self._watchdog is not None:
            await self._watchdog.stop()
        await self.providers.close()
        await self.ledger.close()

    async def _beat(self) -> None:
        while True:
            self._heartbeat.beat()
            await asyncio.sleep(HEARTBEAT_INTERVAL)


async def rescue(config: Config, plugins: Mapping[str, type[Plugin[Any]]], stop: asyncio.Event) -> None:
    """End the sessions that are open in a ledger that cannot be written, until `stop` is set, since no bot starts with
    such a ledger. A watchdog of an earlier run may do the same, which is harmless."""
    providers = Providers(lambda: config, plugins, lambda: Network.of(config.host.network))
    ledger: Ledger | None = None
    try:
        if await asyncio.to_thread(is_held, lock_file(config.ledger_file)):
            return  # another bot has it, and looks after what is open
        ledger = await SqliteLedger.open_to_read(config.ledger_file)
        closer = SessionCloser(ledger, providers.enders)
        endings = [closer.end(record, EndReason.CRASHED) for record in await ledger.unsettled() if record.must_be_ended]
        if endings:
            log.error("the ledger cannot be written; ending the %d sessions it knows as open", len(endings))
            try:
                await cancel_when(stop, _all_of(endings))
            except StepCancelled:
                log.error("stopped before all of them were ended")
        await closer.stop()
    except LedgerError as error:
        log.error("%s", error)
    except Exception:  # why the bot does not start is what must be said
        log.exception("what may be open could not be ended")
    finally:
        if ledger is not None:
            await ledger.close()
        await providers.close()


async def _all_of(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    await asyncio.wait(tasks)


async def _acquire(heartbeat: Heartbeat) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT
    is_logged = False
    while not heartbeat.take():
        if time.monotonic() > deadline:
            holder = heartbeat.holder()
            heartbeat.release()
            raise LedgerError(
                f"another Parley (process {holder}) uses the same ledger; stop it, or give this one "
                "a `ledger: file:` of its own"
            )
        if not is_logged:
            is_logged = True
            log.info("waiting for another Parley (process %d) to end", heartbeat.holder())
        await asyncio.sleep(0.1)
