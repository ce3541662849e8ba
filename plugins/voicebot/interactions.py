"""Who asked, in which language, and where."""

from typing import Any

import discord

from bot.api import Refused, ServerSettings, say, spoken

Interaction = discord.Interaction[Any]


def locale_of(interaction: Interaction) -> str:
    """Return the language of the person who asked."""
    return spoken(interaction.locale)


def text_channel(interaction: Interaction, settings: ServerSettings) -> Any | None:
    """Return the channel for words and pictures of a call; None when it is gone, or hidden from the bot."""
    guild, _ = guild_and_member(interaction)
    channel_id = settings.text_channel or interaction.channel_id
    return None if channel_id is None else guild.get_channel_or_thread(channel_id)


def may_look(member: discord.Member, channel: discord.VoiceChannel | discord.StageChannel) -> bool:
    """Whether Discord shows a member who is in a channel; the bot tells nobody more than that."""
    return channel.permissions_for(member).view_channel


def guild_and_member(interaction: Interaction) -> tuple[discord.Guild, discord.Member]:
    """Return the server and the member who asked; Refused outside of servers."""
    if interaction.guild is None or not isinstance(interaction.user, discord.Member):
        raise Refused(say("This only works on a server."))
    return interaction.guild, interaction.user
