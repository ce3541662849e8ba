"""Which channels and roles settings name."""

from pathlib import Path

from bot.config.discord_ids import DiscordId, ids_in
from bot.config.load import check
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


def _ids_in(guild_id: int) -> set[DiscordId]:
    config = check(parse(Path("config.yaml"), TEXT), {"autojoin": AutoJoinSettings})
    return set(ids_in(config, guild_id))


def test_channels_and_roles_wherever_they_are_named() -> None:
    assert _ids_in(1) == {
        DiscordId("text_channel", "channel", 10),
        DiscordId("access.start", "role", 20),
        DiscordId("access.start", "role", 21),
        DiscordId("access.configure", "role", 22),
        DiscordId("limits.roles", "role", 23),
        DiscordId("plugins.autojoin.channels", "channel", 11),
        DiscordId("plugins.autojoin.channels", "channel", 12),
    }


def test_what_is_off_or_not_this_servers_is_not_asked_for() -> None:
    assert _ids_in(2) == _ids_in(3) == {DiscordId("text_channel", "channel", 5)}
