"""The slash commands: `/voicebot join`, `leave` and `status`, and what the channel reads at a call's start and end."""

from .plugin import VoicebotPlugin

PLUGIN = VoicebotPlugin
