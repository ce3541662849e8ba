"""Channels and roles that settings name and that are not there: told of at once, and not when a call fails."""

import discord

from bot.config.load import Config
from bot.config.named import Named, named
from bot.language import Text, say


def strangers(guild: discord.Guild, config: Config) -> list[Named]:
    """What the settings in force for a server name in vain."""
    return [one for one in named(config, guild.id) if not _is_there(guild, one)]


def told(stranger: Named) -> Text:
    """What people are told of it."""
    if stranger.kind == "role":
        return say("`{key}` names the role {id}, which is not on this server.", key=stranger.key, id=stranger.id)
    return say(
        "`{key}` names the channel {id}, which is not on this server, or I cannot see it.",
        key=stranger.key,
        id=stranger.id,
    )


def _is_there(guild: discord.Guild, one: Named) -> bool:
    found = guild.get_role(one.id) if one.kind == "role" else guild.get_channel_or_thread(one.id)
    return found is not None
