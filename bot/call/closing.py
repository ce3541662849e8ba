"""Ending a session is a loop: again and again until the provider confirms it, since only that stops the meter."""

import asyncio
import logging
import random

from bot.errors import KeyRejected, NotAllowed, ProviderError, RateLimited
from bot.provider import Provider, SessionEnd

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds


async def end_session(provider: Provider, reference: str) -> SessionEnd:
    """End a session, however long it takes. Cancel it only when the process must go."""
    wait = FIRST_WAIT
    attempt = 0
    while True:
        attempt += 1
        try:
            end = await provider.end_session(reference)
        except ProviderError as error:
            serious = isinstance(error, KeyRejected | NotAllowed)
            log.log(
                logging.ERROR if serious else logging.WARNING,
                "the session is still open and billed; ending it failed (attempt %d): %s",
                attempt,
                error,
            )
            asked = error.retry_after if isinstance(error, RateLimited) else None
            await asyncio.sleep(asked if asked is not None else random.uniform(wait / 2, wait))
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            log.info("session ended%s", " (it was gone already)" if end.already_gone else "")
            return end
