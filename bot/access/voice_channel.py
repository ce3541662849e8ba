"""The kinds of channels that a call can be in."""

import discord

VoiceChannel = discord.VoiceChannel | discord.StageChannel


def seats_taken(channel: VoiceChannel) -> bool:
    """Return whether other people have all the seats of a channel."""
    others = sum(user_id != channel.guild.me.id for user_id in channel.voice_states)
    return bool(channel.user_limit) and others >= channel.user_limit
