"""Finds orphaned sessions in the ledger, which are open although no call uses them, and ends them.

There should be none. But a watchdog may die between recording an answer and passing it on, or may receive the answer
after a new bot has started. Whatever the cause, an orphaned session would be billed without being used.
"""

import asyncio
import logging
from collections.abc import Callable

from bot.errors import LedgerError

from .closing import SessionCloser
from .end_reason import EndReason
from .ledger import Ledger, SessionState

log = logging.getLogger(__name__)

#: Seconds between two checks. A session must be found in the same state twice, since its call may just be starting.
CHECK_INTERVAL = 10.0


class Reaper:
    """Ends sessions that no call looks after. `has_call` tells whether a call of this process looks after a session, by
    its id."""

    def __init__(self, ledger: Ledger, closer: SessionCloser, has_call: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self._closer = closer
        self._has_call = has_call
        self._seen: set[tuple[str, SessionState]] = set()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                await self.look()
            except LedgerError as error:
                log.error("%s", error)
            except Exception:  # whatever it is, the next look may go well
                log.exception("looking for forgotten sessions failed")

    async def look(self) -> None:
        """Look once, and end the sessions that nobody looks after (LedgerError)."""
        found = [
            record
            for record in await self._ledger.unsettled()
            if not self._has_call(record.id) and not self._closer.is_ending(record.id)
        ]
        for record in found:
            if (record.id, record.state) not in self._seen:
                continue
            if record.must_be_ended:
                log.warning("session %s is open without a call; ending it", record.id)
                self._closer.end(record, record.reason or EndReason.FORGOTTEN)
            elif record.state is SessionState.INTENT:
                log.error("session %s may be open and billed: the process that asked for it is gone", record.id)
                await self._ledger.record_unknown(record.id, record.intended_at, "whoever sent the POST is gone")
        self._seen = {(record.id, record.state) for record in found}
