"""Who may start, stop and configure on a server: by role, by having started the call, by managing the server."""

from collections.abc import Iterable

import discord

from bot.config.model import AccessSettings
from bot.errors import Refused
from bot.language import say


def check_start(member: discord.Member, access: AccessSettings) -> None:
    """Raise Refused when a member may not start calls."""
    if access.start and not (_manages(member) or _has_role(member, access.start)):
        raise Refused(say("Only {roles} may start calls here.", roles=_named(access.start)))


def check_stop(member: discord.Member, access: AccessSettings, starter_id: int, host_id: int) -> None:
    """Raise Refused when a member may not end a call or a test. Its starter and the call's host always may."""
    if (
        access.stop
        and member.id not in (starter_id, host_id)
        and not (_manages(member) or _has_role(member, access.stop))
    ):
        raise Refused(
            say(
                "Only {roles} and {person}, who started it, may end this call.",
                roles=_named(access.stop),
                person=f"<@{starter_id}>",
            )
        )


def check_configure(member: discord.Member, access: AccessSettings) -> None:
    """Raise Refused when a member may not change settings."""
    if not (_manages(member) or _has_role(member, access.configure)):
        if not access.configure:
            raise Refused(say("Only people who can manage this server can do that."))
        roles = _named(access.configure)
        raise Refused(say("Only {roles} and people who can manage this server can do that.", roles=roles))


def _manages(member: discord.Member) -> bool:
    return member.guild_permissions.manage_guild


def _has_role(member: discord.Member, roles: Iterable[int]) -> bool:
    return any(role.id in set(roles) for role in member.roles)


def _named(roles: Iterable[int]) -> str:
    return ", ".join(f"<@&{role}>" for role in roles)
