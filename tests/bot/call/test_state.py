"""The states of a call, whatever happens in whatever order."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.billing.end_reason import EndReason
from bot.call.state import CallState, CallStateMachine, Side
from tests.effort import examples


def test_the_usual_life() -> None:
    machine = CallStateMachine()
    steps: list[tuple[Callable[[], object], CallState]] = [
        (lambda: None, CallState.CONNECTING),
        (machine.on_connected, CallState.LIVE),
        (lambda: machine.on_lost("voice"), CallState.RECONNECTING),
        (lambda: machine.on_lost("room"), CallState.RECONNECTING),
        (lambda: machine.on_recovered("voice"), CallState.RECONNECTING),
        (lambda: machine.on_recovered("room"), CallState.LIVE),
        (lambda: machine.end(EndReason.LEFT), CallState.ENDING),
        (machine.on_ended, CallState.ENDED),
    ]
    for happen, expected in steps:
        happen()
        assert machine.state is expected


def test_the_first_reason_stands() -> None:
    machine = CallStateMachine()
    assert machine.end(EndReason.EMPTY)
    assert not machine.end(EndReason.LEFT)
    assert machine.end_reason is EndReason.EMPTY


def test_an_end_without_a_reason_is_called_a_failure() -> None:
    machine = CallStateMachine()
    machine.on_ended()
    assert machine.end_reason is EndReason.FAILED


class AnyOrder(RuleBasedStateMachine):
    """An end is never taken back, and an ended call stays ended."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = CallStateMachine()
        self.first: EndReason | None = None
        self.over = False

    @rule()
    def connected(self) -> None:
        self.machine.on_connected()

    @rule(side=st.sampled_from(["voice", "room"]), broken=st.booleans())
    def connection(self, side: Side, broken: bool) -> None:
        (self.machine.on_lost if broken else self.machine.on_recovered)(side)

    @rule(reason=st.sampled_from(EndReason))
    def end(self, reason: EndReason) -> None:
        self.first = self.first or reason
        self.machine.end(reason)

    @precondition(lambda self: self.first is not None)
    @rule()
    def ended(self) -> None:
        self.machine.on_ended()
        self.over = True

    @invariant()
    def ends_stay(self) -> None:
        if self.over:
            assert self.machine.state is CallState.ENDED
        elif self.first is not None:
            assert self.machine.state is CallState.ENDING
        assert self.machine.end_reason is self.first


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=examples(60), stateful_step_count=30)


def test_each_new_state_is_told_once() -> None:
    told: list[tuple[CallState, EndReason | None]] = []
    machine = CallStateMachine(lambda state, reason: told.append((state, reason)))
    machine.on_recovered("voice")
    machine.on_connected()
    machine.on_lost("voice")
    machine.on_lost("room")
    machine.on_recovered("voice")
    machine.on_recovered("room")
    machine.end(EndReason.LEFT)
    machine.end(EndReason.SILENCE)
    machine.on_lost("voice")
    machine.on_ended()
    assert told == [
        (CallState.LIVE, None),
        (CallState.RECONNECTING, None),
        (CallState.LIVE, None),
        (CallState.ENDING, EndReason.LEFT),
        (CallState.ENDED, EndReason.LEFT),
    ]
