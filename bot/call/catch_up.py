"""Lines that the live transcript missed, found in what the provider kept.

LiveKit's data packets are not repeated for someone who was away for a moment, so a reconnect can cost lines.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Sequence
from difflib import SequenceMatcher

from bot.errors import ProviderError
from bot.provider import Provider, StoredMessage

from .events import TranscriptLine

log = logging.getLogger(__name__)

PATIENCE = 8.0  # seconds for all pages

#: Lines beyond this are not compared: a call of many hours must not hold up its receipt.
MOST = 2000


class CatchUp:
    """Remembers a call's lines, and reads the provider's at the end: beside the DELETE, never before it."""

    def __init__(self) -> None:
        self._live: deque[TranscriptLine] = deque(maxlen=MOST)
        self._reading: asyncio.Task[Sequence[StoredMessage]] | None = None

    def note(self, line: TranscriptLine) -> None:
        if line.final:
            self._live.append(line)

    def begin(self, provider: Provider, reference: str) -> None:
        self._reading = asyncio.create_task(_read(provider, reference), name=f"stored transcript of {reference}")

    async def missed(self) -> list[TranscriptLine]:
        """What is to be written still; empty when the provider cannot be read."""
        if self._reading is None:
            return []
        stored = await self._reading
        return [TranscriptLine(m.role, m.text, True, late=True) for m in missed(tuple(self._live), stored)]


async def _read(provider: Provider, reference: str) -> Sequence[StoredMessage]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await provider.messages(reference)
    except (ProviderError, TimeoutError) as error:
        log.info("no stored transcript: %s", "too slow" if isinstance(error, TimeoutError) else error)
    except Exception:
        log.exception("the stored transcript could not be read")
    return ()


def missed(live: Sequence[TranscriptLine], stored: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Stored lines that were not written live, in their order; a line that was said twice counts twice.

    A provider may cut lines differently from what it sent live: one that stands within the live text around it is
    not missing.
    """
    said = [(line.role, _bare(line.text)) for line in live if line.final][-MOST:]
    kept = [message for message in stored if _bare(message.text)][-MOST:]
    matcher = SequenceMatcher(None, said, [(m.role, _bare(m.text)) for m in kept], autojunk=False)
    found = []
    for kind, live_from, live_to, from_, to in matcher.get_opcodes():
        if kind in ("insert", "replace"):
            around = said[live_from:live_to]
            found += [message for message in kept[from_:to] if not _within(message, around)]
    return found


def _within(message: StoredMessage, said: Sequence[tuple[str, str]]) -> bool:
    text = " ".join(words for role, words in said if role == message.role)
    bare = _bare(message.text)
    return bare in text or any(words and words in bare for role, words in said if role == message.role)


def _bare(text: str) -> str:
    """For comparing: case, punctuation and picture tags do not make another line."""
    return " ".join(re.findall(r"\w+", re.sub(r"<img>.*?</img>", " ", text, flags=re.IGNORECASE).casefold()))
