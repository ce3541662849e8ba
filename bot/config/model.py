"""The settings, typed. Every key a config file may have stands here or in a plugin's own settings model."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Seconds = Annotated[float, Field(ge=0, le=24 * 3600)]


class Settings(BaseModel):
    """Base of all settings: immutable, and a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DiscordSettings(Settings):
    """The bot account."""

    token_env: str = Field("DISCORD_TOKEN", description="environment variable with the bot token")


class NetworkSettings(Settings):
    """For hosts behind a proxy or gateway of their own."""

    ca_file: str | None = Field(None, description="PEM file of one more certificate authority to trust")
    connect_to: dict[str, str] = Field(
        default_factory=dict,
        description="host or pattern -> address:port to connect to instead, as curl --connect-to",
    )

    @field_validator("connect_to")
    @classmethod
    def _check_targets(cls, value: dict[str, str]) -> dict[str, str]:
        for host, target in value.items():
            address, _, port = target.rpartition(":")
            if not address or not port.isdigit():
                raise ValueError(f"{host}: expected address:port, got {target!r}")
        return value


class LogSettings(Settings):
    """What the process writes to standard error."""

    level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class LedgerSettings(Settings):
    """What is remembered of billed sessions, and who ends them when the bot dies."""

    file: str = Field("parley.sqlite3", description="where sessions are written down, relative to this file")
    watchdog: bool = Field(True, description="start the process that ends sessions when the bot dies")
    heartbeat_limit: Annotated[float, Field(ge=2, le=600)] = Field(
        20, description="seconds without a sign of life after which the bot counts as frozen"
    )


class ServerSettings(Settings):
    """What one server may set; `defaults:` has the same keys and is overlaid by the server's own."""

    provider: str = Field("valsea", description="the provider plugin to open sessions with")
    voicebot: str | None = Field(None, description="id of the voicebot that joins when none is named")
    voicebots: dict[str, str] = Field(default_factory=dict, description="name -> id, for /voicebot join")
    voicebot_name: str | None = Field(None, description="what to call it; else the provider's name")
    text_channel: int | None = Field(None, description="where words and pictures go; else where the command was typed")
    empty_channel_grace: Seconds = Field(30, description="seconds alone in the channel before the call ends")
    voicebot_arrival: Seconds = Field(30, description="seconds for the voicebot to join its room")
    voicebot_return: Seconds = Field(20, description="seconds for a voicebot that left to come back")
    reconnect_limit: Seconds = Field(45, description="seconds a broken connection may take to heal")
    follow_moves: bool = Field(False, description="stay in the call when moved to another voice channel")
    jitter_buffer_ms: int = Field(40, ge=20, le=200, description="delay that evens out the network")
    bitrate_kbps: int = Field(64, ge=16, le=256, description="of the voicebot's voice in Discord")
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="plugin name -> its settings; `enabled: false` turns one off"
    )


class PluginSettings(Settings):
    """Base of a plugin's block under `plugins:`."""

    enabled: bool = Field(True, description="whether this plugin works on this server")


class HostSettings(Settings):
    """The whole file."""

    discord: DiscordSettings = DiscordSettings()
    network: NetworkSettings = NetworkSettings()
    log: LogSettings = LogSettings()
    ledger: LedgerSettings = LedgerSettings()
    defaults: ServerSettings = ServerSettings()
    servers: dict[int, ServerSettings] = Field(default_factory=dict, description="guild id -> settings")
