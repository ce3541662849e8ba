"""A call on fakes of its parts."""

from collections.abc import Callable

import pytest

from bot.call.connection import voice_link
from tests.bot.call.fakes import Handshake, Play


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Play]:
    """Makes one; a pause between two attempts to join takes no time."""
    monkeypatch.setattr(voice_link, "VoiceHandshake", Handshake)
    monkeypatch.setattr(voice_link, "JOIN_PAUSES", (0.0,) * len(voice_link.JOIN_PAUSES))
    return Play
