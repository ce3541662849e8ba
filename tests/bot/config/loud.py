"""A plugin's settings for tests of the config, and a server."""

from pydantic import Field

from bot.config.model import PluginSettings

GUILD = 123456789012345678
OTHER = GUILD + 1


class Loud(PluginSettings):
    volume: int = Field(5, ge=0, le=10)
