"""The channels that a call can be in, and who is in them."""

import discord

VoiceChannel = discord.VoiceChannel | discord.StageChannel


def is_at_user_limit(channel: VoiceChannel) -> bool:
    """Return whether as many others are in a channel as its user limit allows."""
    others = sum(user_id != channel.guild.me.id for user_id in channel.voice_states)
    return bool(channel.user_limit) and others >= channel.user_limit


def people_in(channel: VoiceChannel) -> list[int]:
    """Return the user ids of the people in a channel, in the order in which they joined voice on its server. Bots
    do not count; someone the cache does not know does."""
    members = {user_id: channel.guild.get_member(user_id) for user_id in channel.voice_states}
    return [user_id for user_id, member in members.items() if member is None or not member.bot]
