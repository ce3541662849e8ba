"""The clock for billed time. It continues while the machine is suspended, as the provider's billing does, and is not
affected by changes of the system time."""

import time

# On Linux CLOCK_MONOTONIC stands still during suspension; on macOS it runs on and there is no CLOCK_BOOTTIME.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Return the seconds of a monotonic clock; only differences mean something."""
    return time.clock_gettime(_CLOCK)
