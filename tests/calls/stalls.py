"""Whether the machine stood still while something was said.

What a busy machine takes from speakers and listeners must not look like what the bot loses.
"""

import asyncio
import re
import time
from types import TracebackType

from sandbox.people.person import Person
from sandbox.stage import Place
from tests.running_bot import RunningBot

#: Frames of 20 ms by which this process may be late, and ticks that the bot may skip, before words are harmed.
MAX_LATE, MAX_SKIPPED = 2, 0


class Stalls:
    """`async with Stalls(...) as stalls:` around what is said; `stalls.disturbed` afterwards."""

    def __init__(self, bot: RunningBot, place: Place, person: Person) -> None:
        self._bot, self._place, self._person = bot, place, person
        #: Frames of 20 ms for which this process, in which people speak and listen, stood still.
        self.late = 0
        #: Ticks that the bot could not be in time for.
        self.skipped = 0
        self._before = 0
        self._watching: asyncio.Task[None] | None = None

    @property
    def disturbed(self) -> bool:
        """Whether what was recorded meanwhile says nothing about the bot."""
        return self.late > MAX_LATE or self.skipped > MAX_SKIPPED

    async def __aenter__(self) -> "Stalls":
        self._before = await self._skipped_so_far()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._watching is not None
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        if error is None:
            self.skipped = await self._skipped_so_far() - self._before

    async def _skipped_so_far(self) -> int:
        text = await self._bot.command(self._place, self._person, "voicebot status", details=True)
        found = re.search(r"Ticks: \d+ late, (\d+) skipped", text)
        assert found is not None, text
        return int(found[1])

    async def _watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.late += max(0, round((time.monotonic() - before - 0.01) / 0.02))
