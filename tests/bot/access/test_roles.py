"""Who may start calls, end them and change settings."""

from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.access.roles import check_configure, check_start, check_stop
from bot.config.model import AccessSettings
from bot.errors import Refused

STEWARD, STARTER, HOST, OTHER = 5, 1, 2, 3
ACCESS = AccessSettings(start=(STEWARD,), stop=(STEWARD,), configure=(STEWARD,))
OPEN = AccessSettings()


def member(user_id: int = OTHER, *roles: int, manages: bool = False) -> Any:
    permissions = discord.Permissions(manage_guild=manages)
    return SimpleNamespace(
        id=user_id, roles=[SimpleNamespace(id=role) for role in roles], guild_permissions=permissions
    )


@pytest.mark.parametrize("who", [member(OTHER, STEWARD), member(manages=True)])
def test_a_role_or_the_servers_management_is_enough(who: Any) -> None:
    check_start(who, ACCESS)
    check_stop(who, ACCESS, STARTER, HOST)
    check_configure(who, ACCESS)


def test_others_are_refused_and_read_who_may() -> None:
    who = member(OTHER, 99)
    with pytest.raises(Refused, match="Only <@&5> may start calls here"):
        check_start(who, ACCESS)
    with pytest.raises(Refused, match="Only <@&5> and <@1>, who started it, may end this call"):
        check_stop(who, ACCESS, STARTER, HOST)
    with pytest.raises(Refused, match="Only <@&5> and people who can manage this server"):
        check_configure(who, ACCESS)


@pytest.mark.parametrize("user_id", [STARTER, HOST])
def test_who_started_a_call_or_has_it_now_may_end_it(user_id: int) -> None:
    check_stop(member(user_id), ACCESS, STARTER, HOST)


def test_where_nothing_is_set_everybody_may_start_and_stop_and_only_managers_configure() -> None:
    who = member()
    check_start(who, OPEN)
    check_stop(who, OPEN, STARTER, HOST)
    with pytest.raises(Refused, match="Only people who can manage this server can do that"):
        check_configure(who, OPEN)
