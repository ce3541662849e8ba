"""A router between the voice server and its clients: addresses as the server sees them, and their end.

Pure: time comes in as an argument.
"""

import itertools
from collections.abc import Iterator

Address = tuple[str, int]
#: An address of RFC 5737, so that nobody takes it for a real one.
OUTSIDE = "192.0.2.1"


class Nat:
    """Gives every client an outside address when it first sends, and another one after `rebind`."""

    def __init__(self) -> None:
        self.timeout: float | None = None  # seconds after which it forgets who sends nothing; None is never
        self.active = False  # without it clients are seen where they are
        self._ports: Iterator[int] = itertools.count(20_000)
        self._outside: dict[Address, Address] = {}  # by the client's own
        self._inside: dict[Address, Address] = {}
        self._last_sent: dict[Address, float] = {}  # by the client's own

    def out(self, inside: Address, now: float) -> Address:
        """Where the server sees a datagram come from."""
        self._last_sent[inside] = now
        if not self.active:
            return inside
        if inside not in self._outside:
            outside = OUTSIDE, next(self._ports)
            self._outside[inside], self._inside[outside] = outside, inside
        return self._outside[inside]

    def back(self, outside: Address, now: float) -> Address | None:
        """The client behind an address; None when there is none any more."""
        inside = self._inside.get(outside, outside if outside[0] != OUTSIDE else None)
        if inside is None or (self.timeout is not None and now - self._last_sent.get(inside, 0.0) > self.timeout):
            return None
        return inside

    def rebind(self) -> None:
        """Forget everybody, as a router does that was restarted: old addresses lead nowhere."""
        self._outside.clear()
        self._inside.clear()
