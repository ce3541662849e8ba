"""The provider plugin for Valsea's voicebot sessions (https://valsea.ai/docs/api/voicebot-livekit)."""

from .plugin import ValseaPlugin

PLUGIN = ValseaPlugin
