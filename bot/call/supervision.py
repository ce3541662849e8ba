"""Acting on what the guards find: people are warned, told that it works again, and the call is ended."""

import time
from typing import TYPE_CHECKING

from bot import clock
from bot.billing.end_reason import EndReason
from bot.errors import VoiceError
from bot.language import say

from .events import CallObserver, NoticeGiven, WarningGiven
from .guards import CheckHearing, End, Guards, Recovered, Verdict, Warn
from .hearing import diagnosis

if TYPE_CHECKING:
    from .call import Call

#: Seconds between two looks of the guards at most, since waiting stands still in a suspended machine.
MAX_INTERVAL = 5.0


class Supervision:
    """Asks the guards of one call what is to be done, and does it."""

    def __init__(self, call: "Call", guards: Guards, observer: CallObserver) -> None:
        self._call = call
        self._guards = guards
        self._observer = observer

    def until_next(self) -> float:
        """Return the seconds until the guards must be asked."""
        due = self._guards.next_due()
        return MAX_INTERVAL if due is None else min(max(0.0, due - clock.now()), MAX_INTERVAL)

    async def check(self) -> None:
        """Ask the guards now, and do what they say."""
        for verdict in self._guards.check(clock.now(), time.monotonic()):
            await self._act_on(verdict)

    async def _act_on(self, verdict: Verdict) -> None:
        self._call.recorder.happened(verdict)
        match verdict:
            case End():
                self._call.end(verdict.reason)
            case Warn():
                self._observer.publish(self._call, WarningGiven(verdict.text))
            case Recovered():
                self._observer.publish(self._call, NoticeGiven(verdict.text))
            case CheckHearing():
                await self._check_hearing(verdict)

    async def _check_hearing(self, check: CheckHearing) -> None:
        """Tell people why nobody was heard, and end the call when its time is up and the voicebot has not spoken."""
        try:
            sound = await self._call.sound_report()
        except VoiceError:  # the call ends
            return
        problem = diagnosis(sound, self._call.listeners())
        if problem is None:
            return
        if not check.last:
            text = say("I have heard nobody yet. {problem}", problem=problem)
            self._observer.publish(self._call, WarningGiven(text))
        elif check.final or not self._call.participants.voicebot_spoke:
            text = say("I end the call, because I heard nobody. {problem}", problem=problem)
            self._observer.publish(self._call, WarningGiven(text))
            self._call.end(EndReason.NOBODY_HEARD)
