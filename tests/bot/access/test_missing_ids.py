"""Channels and roles that settings name and the server does not have."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bot.access.missing_ids import describe_missing, missing_ids
from bot.config.load import check
from bot.config.source import parse

GUILD, THERE, GONE, ROLE, NO_ROLE = 1, 10, 11, 20, 21


def test_what_is_not_there_is_named_with_its_key() -> None:
    text = (
        f"defaults: {{text_channel: {THERE}}}\n"
        f"servers: {{'{GUILD}': {{text_channel: {GONE}, access: {{start: [{ROLE}, {NO_ROLE}]}}}}}}\n"
    )
    config = check(parse(Path("config.yaml"), text), {})
    guild: Any = SimpleNamespace(
        id=GUILD, get_role={ROLE: "a role"}.get, get_channel_or_thread={THERE: "a channel"}.get
    )
    told = [str(describe_missing(one)) for one in missing_ids(guild, config)]
    assert len(told) == 2
    assert f"`text_channel` names the channel {GONE}, which is not on this server, or I cannot see it." in told
    assert f"`access.start` names the role {NO_ROLE}, which is not on this server." in told
    guild.id = GUILD + 1  # whose settings are the defaults
    assert missing_ids(guild, config) == []
