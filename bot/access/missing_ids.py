"""Finds channels and roles in the settings that do not exist, to report them before a call fails."""

import discord

from bot.config.discord_ids import DiscordId, ids_in
from bot.config.load import Config
from bot.language import Text, say


def missing_ids(guild: discord.Guild, config: Config) -> list[DiscordId]:
    """Return the ids of channels and roles in a server's settings that its Discord does not have."""
    return [one for one in ids_in(config, guild.id) if not _is_there(guild, one)]


def describe_missing(reference: DiscordId) -> Text:
    """Return what people are told of an id that is not there."""
    if reference.kind == "role":
        return say("`{key}` names the role {id}, which is not on this server.", key=reference.key, id=reference.id)
    return say(
        "`{key}` names the channel {id}, which is not on this server, or I cannot see it.",
        key=reference.key,
        id=reference.id,
    )


def _is_there(guild: discord.Guild, one: DiscordId) -> bool:
    found = guild.get_role(one.id) if one.kind == "role" else guild.get_channel_or_thread(one.id)
    return found is not None
