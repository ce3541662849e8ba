"""The channels that a call can be in, and who is in them."""

import discord

VoiceChannel = discord.VoiceChannel | discord.StageChannel


def is_at_user_limit(channel: VoiceChannel) -> bool:
    """Return whether other people have all the seats of a channel."""
    others = sum(user_id != channel.guild.me.id for user_id in channel.voice_states)
    return bool(channel.user_limit) and others >= channel.user_limit


def people_in(channel: VoiceChannel) -> list[int]:
    """Return the user ids of the people in a channel, as they came. Bots do not count; someone the cache does not know
    counts as a person."""
    members = {user_id: channel.guild.get_member(user_id) for user_id in channel.voice_states}
    return [user_id for user_id, member in members.items() if member is None or not member.bot]
