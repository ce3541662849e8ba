"""Whatever happens in whatever order: one DELETE obligation per POST, and every session ends closed.

The opener, the closer, the ledger and a provider that fails at will are the real ones; only the wire is not.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.billing.billed_session import BilledSession
from bot.billing.closing import SessionCloser
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionState
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.opening import RecordedOpener
from bot.call.manager import CallManager
from bot.call.services import CallServices
from bot.errors import BadAnswer, OutcomeUnknown, OutOfCredits, ParleyError, ProviderDown
from bot.provider import RoomMessage, SessionEnd, StoredMessage, VoicebotSession
from tests.effort import examples

from .records import ACCOUNT, record

T = TypeVar("T")


class Meter:
    """A provider that knows what it bills. `mood` decides what the next request meets."""

    title = "Valsea"
    account = ACCOUNT

    @property
    def answer_timeout(self) -> float:
        return 0.0 if self.mood == "is slow" else 60.0

    async def image_library(self, voicebot: str) -> dict[str, str]:
        return {}

    async def messages(self, reference: str) -> list[StoredMessage]:
        return []

    def read_packet(self, payload: bytes) -> list[RoomMessage]:
        return []

    async def close(self) -> None: ...

    def __init__(self) -> None:
        self.mood = "good"
        self.answers = asyncio.Event()  # what is slow is answered when this is set
        self.posts = 0
        self.billing: set[str] = set()
        self.nameless: set[str] = set()  # opened, and the answer never came: nobody can end those
        self.unanswered: set[str] = set()
        self.effective_ends: dict[str, int] = {}

    async def open_session(self, voicebot: str, participant: str) -> VoicebotSession:
        self.posts += 1
        room = f"room-{self.posts}"
        if self.mood == "refuses":
            raise OutOfCredits("HTTP 402")
        self.billing.add(room)
        if self.mood == "loses answers":
            self.nameless.add(room)
            raise OutcomeUnknown("connection lost")
        if self.mood == "garbles":
            raise BadAnswer("no token", reference=room)
        if self.mood == "is slow":
            self.unanswered.add(room)
            await self.answers.wait()
            self.unanswered.discard(room)
        return VoicebotSession(room, "wss://livekit", "token")

    async def end_session(self, reference: str) -> SessionEnd:
        if self.mood == "is down":
            raise ProviderDown("HTTP 503")
        gone = reference not in self.billing
        self.billing.discard(reference)
        if not gone:
            self.effective_ends[reference] = self.effective_ends.get(reference, 0) + 1
        if self.mood == "loses answers":
            raise ProviderDown("no answer to the DELETE")
        return SessionEnd(already_gone=gone)


class LifeOfSessions(RuleBasedStateMachine):
    """Joins, leaves, crashes, watchdogs and a moody provider, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.meter = Meter()
        self.calls: list[BilledSession] = []
        self.joined = 0
        self._start()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _start(self) -> None:
        self.ledger = self._run(SqliteLedger.open(Path(self.folder.name) / "l.sqlite3"))
        self.closer = SessionCloser(self.ledger, lambda _: [self.meter])
        self.opener = RecordedOpener(self.ledger, self.closer, lambda _: self.meter)

    @rule(mood=st.sampled_from(["good", "refuses", "loses answers", "garbles", "is slow", "is down"]))
    def the_provider(self, mood: str) -> None:
        self.meter.mood = mood

    @rule()
    def join(self) -> None:
        self.joined += 1
        call = BilledSession(record(f"s{self.joined}"), self.opener, self.closer)

        async def open_it() -> None:
            try:
                await call.open("The Museum")
            except ParleyError:
                if call.session is not None:
                    call.end(EndReason.NOT_STARTED, None)
            await self._settle()

        self._run(open_it())
        if call.session is not None:
            self.calls.append(call)

    @precondition(lambda self: self.calls)
    @rule()
    def leave(self) -> None:
        call = self.calls.pop()

        async def end_it() -> None:
            call.end(EndReason.LEFT, 4)
            await self._settle()

        self._run(end_it())

    async def _settle(self) -> None:
        """Let everything get as far as it can without time passing; the ledger's thread works in order."""
        for _ in range(12):
            await self.ledger.unsettled()

    @rule()
    def the_late_answer_comes(self) -> None:
        async def come() -> None:
            self.meter.answers.set()
            await self._settle()
            self.meter.answers.clear()

        self._run(come())

    @rule()
    def the_watchdog_looks(self) -> None:
        """It ends what it finds open, whoever else may be at it."""
        self._run(self._end_all(EndReason.WATCHDOG))
        self.calls.clear()

    @rule()
    def crash_and_restart(self) -> None:
        """Nothing in memory survives."""

        # Here the opener dies with the bot; in a real one it lives on in the watchdog.
        self.meter.nameless |= self.meter.unanswered
        self.meter.unanswered.clear()

        async def die() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
            await self.ledger.close()

        self._run(die())
        self.calls.clear()
        self._start()
        services = CallServices(None, None, self.opener, self.closer)  # type: ignore[arg-type]
        manager = CallManager(services, None, self.ledger)  # type: ignore[arg-type]
        self._run(self._recover(manager))

    async def _recover(self, manager: CallManager) -> None:
        recovering = asyncio.create_task(manager.recover())
        await self._settle()
        recovering.cancel()
        await asyncio.gather(recovering, return_exceptions=True)

    async def _end_all(self, reason: EndReason) -> None:
        other = SessionCloser(self.ledger, lambda _: [self.meter])
        endings = [other.end(r, reason) for r in await self.ledger.unsettled() if r.must_be_ended]
        for _ in endings:
            await self._settle()
        await other.stop()

    @invariant()
    def no_session_is_ended_twice(self) -> None:
        assert all(times == 1 for times in self.meter.effective_ends.values())

    @invariant()
    def no_post_is_repeated(self) -> None:
        assert self.meter.posts <= self.joined

    @invariant()
    def whatever_bills_and_has_a_name_is_an_obligation(self) -> None:
        """On disk, so that even if everything dies now it will be ended."""
        records = self._run(self._settled_records())
        owed = {r.reference for r in records if r.must_be_ended}
        assert self.meter.billing - self.meter.nameless - self.meter.unanswered <= owed

    async def _settled_records(self) -> Any:
        return await self.ledger.unsettled()

    def teardown(self) -> None:
        """In the end the provider is well, and everything that has a name is closed."""
        self.meter.mood = "good"

        async def finish() -> None:
            self.meter.answers.set()
            await self._settle()
            await self._end_all(EndReason.SHUTDOWN)
            left = [r for r in await self.ledger.unsettled() if r.state is not SessionState.UNKNOWN]
            assert left == []
            assert self.meter.billing <= self.meter.nameless
            await self.opener.stop()
            await self.closer.stop()
            await self.ledger.close()

        self._run(finish())
        self.runner.close()
        self.folder.cleanup()


TestLifeOfSessions = LifeOfSessions.TestCase
TestLifeOfSessions.settings = settings(max_examples=examples(40), stateful_step_count=20, deadline=None)
