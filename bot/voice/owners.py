"""Finds the owner of an SSRC that Discord has not announced, by trying whose keys decrypt its frames. Pure.

SPEAKING (opcode 5) names an SSRC's owner, but it may come late, and it is reported to be missing for people who were in
the channel before the bot. DAVE authenticates every frame with its sender's keys, so decrypting one is proof. The
number of attempts is limited, so that packets from outside the call cannot load the loop.
"""

from collections.abc import Callable, Sequence

#: Keys tried in a second, and as many at once; a call of 25 people finds one owner in half a second at worst.
TRIES_PER_SECOND = 50.0
#: SSRCs whose next candidate is remembered.
MAX_SSRCS = 64


class OwnerSearch:
    """Finds out whose SSRC it is by whose keys open its frames. `opens` decrypts a frame with a user's keys, or returns
    None."""

    def __init__(self, opens: Callable[[int, bytes], bytes | None]) -> None:
        self.tries = 0
        self.found = 0
        self._opens = opens
        self._allowance = TRIES_PER_SECOND
        self._at: float | None = None
        self._next: dict[int, int] = {}  # by SSRC: how many candidates were tried in vain

    def may_try(self, now: float) -> bool:
        """Return whether another key may be tried at `now`, in seconds of a monotonic clock."""
        if self._at is not None:
            passed = max(0.0, now - self._at)
            self._allowance = min(TRIES_PER_SECOND, self._allowance + passed * TRIES_PER_SECOND)
        self._at = now
        return self._allowance >= 1

    def find(self, ssrc: int, frame: bytes, candidates: Sequence[int]) -> tuple[int, bytes] | None:
        """Return the owner among the candidates and the decrypted frame. A candidate that failed is tried again after
        the others, since a frame sent during a key change may not decrypt with anybody's keys."""
        at = self._next.get(ssrc, 0)
        for _ in range(len(candidates)):
            if self._allowance < 1:
                break
            self._allowance -= 1
            self.tries += 1
            user_id = candidates[at % len(candidates)]
            opus = self._opens(user_id, frame)
            if opus is not None:
                self._next.pop(ssrc, None)
                self.found += 1
                return user_id, opus
            at += 1
        if len(self._next) >= MAX_SSRCS:
            self._next.clear()
        self._next[ssrc] = at
        return None
