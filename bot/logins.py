"""Limits how often the bot logs in to Discord's gateway: after 1000 logins in a day Discord resets the bot's token.

A bot whose session is refused would log in again every few seconds; the pause between two logins grows instead.
Pure. Source: https://discord.com/developers/docs/events/gateway#session-start-limit
"""

from collections import deque

#: Seconds between two logins, at least and at most.
MIN_PAUSE, MAX_PAUSE = 5.0, 900.0
#: Seconds in which logins count together, and how many of a shard are ordinary in them: its first, and some reconnects.
PERIOD, ORDINARY_LOGINS = 3600.0, 4


class LoginPace:
    """Spaces out the logins of one process. Times are in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._logins: deque[float] = deque(maxlen=10_000)

    def pause(self, now: float, shards: int, *, initial: bool) -> float:
        """Return the seconds to wait before the login that is about to be made; it is counted."""
        while self._logins and now - self._logins[0] > PERIOD:
            self._logins.popleft()
        beyond = len(self._logins) - ORDINARY_LOGINS * max(shards, 1)
        self._logins.append(now)
        if beyond < 0:
            return 0.0 if initial else MIN_PAUSE
        return min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(beyond + 1, 20))
