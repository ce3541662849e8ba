"""The clock that money is counted by: it goes on while the machine is suspended, as the provider's meter does, and is
not moved by anyone setting the time."""

import time

# On Linux CLOCK_MONOTONIC stands still during suspension; on macOS it runs on and there is no CLOCK_BOOTTIME.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Return the seconds of a steady clock; only differences mean something."""
    return time.clock_gettime(_CLOCK)
