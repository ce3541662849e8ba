"""What a server's settings and its voice channel make of a call's sound."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot.call.connection.sound_settings import bitrate, sound_settings
from bot.config.model import ServerSettings

STARTER = 7


def _channel(bitrate: int) -> Any:
    return SimpleNamespace(bitrate=bitrate)


@pytest.mark.parametrize(
    ("channel", "wanted", "used"), [(64_000, 64, 64_000), (32_000, 64, 32_000), (96_000, 24, 24_000)]
)
def test_the_channels_bitrate_is_a_ceiling(channel: int, wanted: int, used: int) -> None:
    settings = ServerSettings.model_validate({"bitrate_kbps": wanted})
    assert bitrate(settings, _channel(channel)) == used


@pytest.mark.parametrize(
    ("interrupt", "who"), [("anyone", None), ("starter", frozenset({STARTER})), ("nobody", frozenset())]
)
def test_who_may_interrupt(interrupt: str, who: frozenset[int] | None) -> None:
    settings = ServerSettings.model_validate({"interrupt": interrupt})
    assert sound_settings(settings, STARTER).may_interrupt == who


def test_milliseconds_become_seconds() -> None:
    settings = ServerSettings.model_validate(
        {"jitter_buffer_ms": 60, "jitter_buffer_max_ms": 150, "level_balance": False}
    )
    sound = sound_settings(settings, STARTER)
    assert (sound.jitter_buffer, sound.jitter_buffer_max, sound.level_balance) == (0.06, 0.15, False)
