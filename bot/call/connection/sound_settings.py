"""What a server's settings and its voice channel make of a call's sound."""

from bot.access.voice_channel import VoiceChannel
from bot.config.model import ServerSettings
from bot.media.settings import SoundSettings


def bitrate(settings: ServerSettings, channel: VoiceChannel) -> int:
    """Return the bit rate of the voicebot's voice, in bit/s. The channel's is a ceiling: Discord asks clients to keep
    to it.

    Source: https://discord.com/developers/docs/resources/channel#channel-object-channel-structure (`bitrate`, bit/s)
    """
    return min(settings.bitrate_kbps * 1000, channel.bitrate)


def interrupters(settings: ServerSettings, host_id: int) -> frozenset[int] | None:
    """Return the user ids of those who may interrupt the voicebot, None for everybody. `host_id` is the call's host."""
    return {"anyone": None, "starter": frozenset({host_id}), "nobody": frozenset[int]()}[settings.interrupt]


def sound_settings(settings: ServerSettings, starter_id: int) -> SoundSettings:
    """Return how a call's sound is carried on this server."""
    return SoundSettings(
        jitter_buffer=settings.jitter_buffer_ms / 1000,
        jitter_buffer_max=settings.jitter_buffer_max_ms / 1000,
        level_balance=settings.level_balance,
        may_interrupt=interrupters(settings, starter_id),
        ask_first=settings.consent == "asked",
        hear_bots=settings.hear_bots,
        lead_in=settings.lead_in_ms / 1000,
    )
