"""What the guards find is done: people are told, the call is ended, and nobody is asked more often than needed."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.billing.end_reason import EndReason
from bot.call.events import NoticeGiven, WarningGiven
from bot.call.guards import CheckHearing, End, Recovered, Verdict, Warn
from bot.call.hearing import Listeners
from bot.call.supervision import MAX_INTERVAL, Supervision
from bot.media.report import SoundReport
from bot.recorder.recorder import Recorder
from tests.bot.conftest import SteadyClock

SILENT = SoundReport()
HEARD = SoundReport(packets_received=100, packets_heard=100)


class Kept(Recorder):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def happened(self, event: Any) -> None:
        self.events.append(event)


class Supervised:
    """A call and its guards, as a test has them."""

    def __init__(self, *verdicts: Verdict, sound: SoundReport = SILENT, voicebot_spoke: bool = False) -> None:
        self.verdicts = list(verdicts)
        self.due: float | None = None
        self.sound = sound
        self.events: list[Any] = []
        self.ended: list[EndReason] = []
        self.participants = SimpleNamespace(voicebot_spoke=voicebot_spoke)
        me: Any = self
        self.recorder = Kept()
        self.supervision = Supervision(me, me, me)

    # the guards

    def check(self, now: float, awake: float) -> list[Verdict]:
        found, self.verdicts = self.verdicts, []
        return found

    def next_due(self) -> float | None:
        return self.due

    # the call, and who is told of it

    async def sound_report(self) -> SoundReport:
        return self.sound

    def listeners(self) -> Listeners:
        return Listeners(people=1, with_consent=1, muted=0, bot_deafened=False)

    def end(self, reason: EndReason) -> None:
        self.ended.append(reason)

    def publish(self, call: Any, event: Any) -> None:
        assert call is self
        self.events.append(event)


async def test_verdicts_are_carried_out_in_their_order() -> None:
    supervised = Supervised(Warn("careful"), Recovered("well again"), End(EndReason.SILENCE))
    await supervised.supervision.check()
    assert supervised.events == [WarningGiven("careful"), NoticeGiven("well again")]
    assert supervised.ended == [EndReason.SILENCE]
    assert supervised.recorder.events == [Warn("careful"), Recovered("well again"), End(EndReason.SILENCE)]


@pytest.mark.parametrize(
    ("check", "voicebot_spoke", "ends"),
    [
        (CheckHearing(last=False), False, False),
        (CheckHearing(last=True), False, True),
        (CheckHearing(last=True), True, False),  # the voicebot alone is listened to
        (CheckHearing(last=True, final=True), True, True),
    ],
)
async def test_a_call_in_which_nobody_is_heard(check: CheckHearing, voicebot_spoke: bool, ends: bool) -> None:
    supervised = Supervised(check, voicebot_spoke=voicebot_spoke)
    await supervised.supervision.check()
    assert supervised.ended == ([EndReason.NOBODY_HEARD] if ends else [])
    told = [event.text for event in supervised.events]
    assert len(told) == (1 if ends or not check.last else 0)
    assert all("No sound arrives" in text for text in told)  # why, with the way out


async def test_where_somebody_was_heard_nothing_is_said() -> None:
    supervised = Supervised(CheckHearing(last=True, final=True), sound=HEARD)
    await supervised.supervision.check()
    assert (supervised.events, supervised.ended) == ([], [])


@pytest.mark.parametrize(("due", "wait"), [(None, MAX_INTERVAL), (1002.0, 2.0), (900.0, 0.0), (9999.0, MAX_INTERVAL)])
def test_the_guards_are_asked_when_something_is_due(steady: SteadyClock, due: float | None, wait: float) -> None:
    supervised = Supervised()
    supervised.due = due
    assert supervised.supervision.until_next() == wait
