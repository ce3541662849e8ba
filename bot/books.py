"""Everything that has to do with money, opened before Discord is and closed after it: the ledger, the lock on it, the
provider accounts, the watchdog, and who opens and ends sessions."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from bot.call.closing import SessionCloser
from bot.call.ledger import Ledger
from bot.call.ledger.sqlite import SqliteLedger
from bot.call.opening import RecordedOpener, SessionOpener
from bot.config.load import Config
from bot.errors import LedgerError
from bot.network import tls_context
from bot.plugin_host.plugin import Plugin
from bot.plugin_host.providers import Providers
from bot.watchdog.client import WatchdogClient, command
from bot.watchdog.pulse import Pulse, lock_file

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds
#: Seconds to wait for the bot before this one, which may be ending its calls still.
LOCK_WAIT = 10.0


class Books:
    """Open them with `open`; `config` may be replaced while they are open."""

    def __init__(self, config: Config, plugins: Mapping[str, type[Plugin[Any]]], ledger: Ledger, pulse: Pulse) -> None:
        self.config = config
        self.ledger = ledger
        self.providers = Providers(lambda: self.config, plugins, lambda: tls_context(self.config.host.network))
        self.closer = SessionCloser(ledger, self.providers.of_session)
        self.opener: SessionOpener
        self._pulse = pulse
        self._beating = asyncio.create_task(self._beat(), name="pulse")
        self._watchdog: WatchdogClient | None = None
        self._own_opener: RecordedOpener | None = None
        if config.host.ledger.watchdog:
            self._watchdog = self.opener = WatchdogClient(command(str(config.file), pulse.instance))
        else:
            self._own_opener = self.opener = RecordedOpener(ledger, self.closer, self.providers.of_session)

    @classmethod
    async def open(cls, config: Config, plugins: Mapping[str, type[Plugin[Any]]]) -> "Books":
        """LedgerError when the ledger cannot be used, or another bot has it."""
        ledger = await SqliteLedger.open(config.ledger_file)
        try:
            pulse = Pulse(lock_file(config.ledger_file))
            await _take(pulse)
        except LedgerError:
            await ledger.close()
            raise
        books = cls(config, plugins, ledger, pulse)
        if books._watchdog is not None:
            await books._watchdog.start()
        return books

    async def close(self) -> None:
        """After the calls have ended. What is still open is left to the watchdog, and to the next start."""
        if self._own_opener is not None:
            await self._own_opener.stop()
        await self.closer.stop()
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        self._pulse.release()
        if self._watchdog is not None:
            await self._watchdog.stop()
        await self.providers.close()
        await self.ledger.close()

    async def _beat(self) -> None:
        while True:
            self._pulse.beat()
            await asyncio.sleep(BEAT)


async def _take(pulse: Pulse) -> None:
    deadline = time.monotonic() + LOCK_WAIT
    told = False
    while not pulse.take():
        if time.monotonic() > deadline:
            holder = pulse.holder()
            pulse.release()
            raise LedgerError(
                f"another Parley (process {holder}) uses the same ledger; stop it, or give this one "
                "a `ledger: file:` of its own"
            )
        if not told:
            told = True
            log.info("waiting for another Parley (process %d) to end", pulse.holder())
        await asyncio.sleep(0.1)
