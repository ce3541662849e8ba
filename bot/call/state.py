"""The states of a call. Pure: no clock, no I/O."""

from collections.abc import Callable
from enum import Enum
from typing import Literal

from bot.billing.end_reason import EndReason
from bot.language import mark


class CallState(Enum):
    """connecting -> live <-> reconnecting -> ending -> ended; any state before ending may go to ending."""

    CONNECTING = mark("connecting")
    LIVE = mark("live")
    RECONNECTING = mark("reconnecting")
    ENDING = mark("ending")
    ENDED = mark("ended")


#: What a call needs besides its session, and may lose for a while.
Side = Literal["voice", "room", "gateway"]


class CallStateMachine:
    """Derives a call's state from what happens to its two connections and from the request to end."""

    def __init__(self, on_change: "Callable[[CallState, EndReason | None], None]" = lambda state, reason: None) -> None:
        """`on_change` is called with each new state, and the reason for which the call ends."""
        self.end_reason: EndReason | None = None
        self._on_change = on_change
        self._last = CallState.CONNECTING
        self._connected = False
        self._broken: set[Side] = set()
        self._ended = False

    @property
    def state(self) -> CallState:
        """The state that follows from all that has happened."""
        if self._ended:
            return CallState.ENDED
        if self.end_reason is not None:
            return CallState.ENDING
        if not self._connected:
            return CallState.CONNECTING
        return CallState.RECONNECTING if self._broken else CallState.LIVE

    @property
    def was_live(self) -> bool:
        """Whether the call has ever been live."""
        return self._connected

    def on_connected(self) -> None:
        """Note that both sides are up for the first time."""
        self._connected = True
        self._look()

    def on_lost(self, side: Side) -> None:
        """Note that one connection was lost and is being repaired."""
        self._broken.add(side)
        self._look()

    def on_recovered(self, side: Side) -> None:
        """Note that one connection is up again."""
        self._broken.discard(side)
        self._look()

    def end(self, reason: EndReason) -> bool:
        """Begin to end the call. Only the first reason is kept; return whether this one was the first."""
        if self.end_reason is not None:
            return False
        self.end_reason = reason
        self._look()
        return True

    def on_ended(self) -> None:
        """Note that everything is closed. An end without a reason is a bug, and is called one."""
        if self.end_reason is None:
            self.end_reason = EndReason.FAILED
        self._ended = True
        self._look()

    def _look(self) -> None:
        if self.state is not self._last:
            self._last = self.state
            self._on_change(self.state, self.end_reason)
