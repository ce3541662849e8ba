"""Lines that the live transcript missed, found in what the provider kept.

LiveKit's data packets are not repeated for someone who was away for a moment, so a reconnect can cost lines.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from bot.errors import ProviderError
from bot.provider import Provider, StoredMessage

from .events import TranscriptLine
from .missed import MAX_LINES, missed

log = logging.getLogger(__name__)

CATCH_UP_TIMEOUT = 8.0  # seconds for all pages


class CatchUp:
    """Remembers a call's lines, and reads the provider's at the end: beside the DELETE, never before it."""

    def __init__(self) -> None:
        self._live: deque[TranscriptLine] = deque(maxlen=MAX_LINES)
        self._reading: asyncio.Task[Sequence[StoredMessage]] | None = None

    def note(self, line: TranscriptLine) -> None:
        """Remember a line that was heard live."""
        if line.final:
            self._live.append(line)

    def begin(self, provider: Provider, reference: str) -> None:
        """Begin to read what the provider has stored."""
        self._reading = asyncio.create_task(_read(provider, reference), name=f"stored transcript of {reference}")

    async def missed(self) -> list[TranscriptLine]:
        """Return the lines that are still to be written; empty when the provider cannot be read."""
        if self._reading is None:
            return []
        stored = await self._reading
        found = await asyncio.to_thread(missed, tuple(self._live), stored)  # thousands of lines are work for a while
        return [TranscriptLine(message.role, message.text, True, late=True) for message in found]


async def _read(provider: Provider, reference: str) -> Sequence[StoredMessage]:
    try:
        async with asyncio.timeout(CATCH_UP_TIMEOUT):
            return await provider.messages(reference)
    except (ProviderError, TimeoutError) as error:
        log.info("no stored transcript: %s", "too slow" if isinstance(error, TimeoutError) else error)
    except Exception:
        log.exception("the stored transcript could not be read")
    return ()
