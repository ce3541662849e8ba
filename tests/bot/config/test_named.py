"""Which channels and roles settings name."""

from pathlib import Path

from bot.config.load import check
from bot.config.named import Named, named
from bot.config.source import parse
from plugins.autojoin.plugin import AutoJoinSettings

TEXT = """
defaults: {text_channel: 5}
servers:
  1:
    text_channel: 10
    access: {start: [20, 21], configure: [22]}
    limits: {roles: {23: {minutes_per_day: 5}}, users: {30: {minutes_per_day: 5}}}
    plugins: {autojoin: {enabled: true, channels: [11, 12]}}
  2:
    plugins: {autojoin: {channels: [13]}}
"""


def _named(guild_id: int) -> set[Named]:
    config = check(parse(Path("config.yaml"), TEXT), {"autojoin": AutoJoinSettings})
    return set(named(config, guild_id))


def test_channels_and_roles_wherever_they_are_named() -> None:
    assert _named(1) == {
        Named("text_channel", "channel", 10),
        Named("access.start", "role", 20),
        Named("access.start", "role", 21),
        Named("access.configure", "role", 22),
        Named("limits.roles", "role", 23),
        Named("plugins.autojoin.channels", "channel", 11),
        Named("plugins.autojoin.channels", "channel", 12),
    }


def test_what_is_off_or_not_this_servers_is_not_asked_for() -> None:
    assert _named(2) == _named(3) == {Named("text_channel", "channel", 5)}
