"""What tests of the bot have in common: plugins read anew, and a monotonic clock that a test sets."""

from collections.abc import Iterator

import pytest

from bot import clock
from tests.support import forget_plugins


class SteadyClock:
    """`bot.clock`, which stands still until a test moves it. Seconds."""

    def __init__(self) -> None:
        self.at = 1000.0


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    """The bot's monotonic clock, in the test's hands."""
    clock_in_hand = SteadyClock()
    monkeypatch.setattr(clock, "now", lambda: clock_in_hand.at)
    return clock_in_hand


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    """Plugins of one name in several folders: each test sees its own."""
    yield
    forget_plugins()
