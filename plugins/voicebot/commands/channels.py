"""Which voice channels somebody may send the bot into."""

import discord

from bot.api import Refused, Text, people_in, say

JOIN_OR_NAME = say("Join a voice channel first, or name one: `/voicebot join channel:`.")
JOIN = say("Join a voice channel first.")


def voice_channel_of(member: discord.Member, none: Text) -> discord.VoiceChannel:
    """Return the voice channel that a member is in; Refused when there is none to talk in, with the text `none` when
    they are in no channel at all."""
    channel = None if member.voice is None else member.voice.channel
    if channel is None:
        raise Refused(none)
    if not isinstance(channel, discord.VoiceChannel):
        # On a stage a bot stays mute until a moderator makes it a speaker; nobody should pay for that.
        raise Refused(say("I cannot talk on a stage. Join an ordinary voice channel instead."))
    return channel


def check_member(member: discord.Member, channel: discord.VoiceChannel) -> None:
    """Refuse a channel that the member could not join, or that is empty: what is said in a channel is written down."""
    permissions = channel.permissions_for(member)
    if not (permissions.view_channel and permissions.connect):
        raise Refused(say("You may not join that voice channel yourself, so I do not join it for you."))
    if not people_in(channel):
        raise Refused(say("There is nobody in {channel} to talk with. Join it first.", channel=channel.mention))


def check_there(member: discord.Member, channel: discord.VoiceChannel) -> None:
    """Refuse a channel that the member is not in. Only people who can manage the server may let the voicebot listen
    where they are not present."""
    there = member.voice is not None and member.voice.channel is not None and member.voice.channel.id == channel.id
    if not there and not member.guild_permissions.manage_guild:
        raise Refused(
            say("Join {channel} yourself first: what is said there is heard and written down.", channel=channel.mention)
        )
