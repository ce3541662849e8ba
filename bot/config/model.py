"""The settings, typed. Every key a config file may have stands here or in a plugin's own settings model."""

import re
import ssl
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from bot.language import languages, say
from bot.text import redact

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")

#: The largest of Discord's ids: 64 bits (https://discord.com/developers/docs/reference#snowflakes).
LARGEST_ID = 2**64 - 1
ID_EXPECTED = say("expected an id: digits, such as 123456789")


def _check_id(value: Any) -> int:
    if isinstance(value, float):  # YAML reads 1.2e+18 so, and what was behind its digits is lost
        raise ValueError(say("an id was read as a number with a fraction; put it into quotes"))
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_ID:
        raise ValueError(ID_EXPECTED)
    return value


#: An id of Discord's: a number, or its digits as text.
Snowflake = Annotated[int, BeforeValidator(_check_id)]

#: Under this name the validation context has the folder that relative paths start from.
FOLDER = "folder"

Seconds = Annotated[float, Field(ge=0, le=24 * 3600)]


NUMBER_EXPECTED = say("expected a number")
ENV_NAME_EXPECTED = say("expected the NAME of an environment variable, never the secret itself")


def _check_env_name(value: str) -> str:
    if _ENV_NAME.fullmatch(value) is None or redact(value) != value:
        raise ValueError(ENV_NAME_EXPECTED)
    return value


#: The name of an environment variable that holds a secret.
EnvName = Annotated[str, AfterValidator(_check_env_name)]

#: Marks a setting that server admins may not change from Discord: it is about the operator's accounts or machine.
OPERATOR: dict[str, Any] = {"operator": True}
#: Marks a setting whose ids are a server's channels, or roles: ids that do not exist are reported at once.
CHANNEL: dict[str, Any] = {"discord": "channel"}
ROLE: dict[str, Any] = {"discord": "role"}


class Settings(BaseModel):
    """Base of all settings: immutable, and a key nobody knows is an error.

    The docstring of a class, and the description of each field, are what people read of them in config.example.yaml and
    in the schemas (`make example`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _check_no_switch(cls, value: Any, about: ValidationInfo) -> Any:
        """Refuse booleans in place of numbers: Python would take `true` for 1 and `off` for 0."""
        if not isinstance(value, bool):
            return value
        kinds = _kinds(cls.model_fields[about.field_name or ""].annotation)
        if kinds & {int, float} and bool not in kinds:
            raise ValueError(say("expected a number, or null for none") if NoneType in kinds else NUMBER_EXPECTED)
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types a setting may have by itself, not those within lists and the like."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return {kind for argument in get_args(annotation) for kind in _kinds(argument)}
    return _kinds(get_args(annotation)[0]) if origin is Annotated else {annotation}


class DiscordSettings(Settings):
    """The bot's account at Discord."""

    token_env: EnvName = Field("DISCORD_TOKEN", description="environment variable with the bot token")


class NetworkSettings(Settings):
    """How connections leave this machine, for hosts behind a proxy or gateway of their own."""

    ca_file: str | None = Field(
        None, description="PEM file of one more certificate authority to trust, relative to this file"
    )
    proxy: str | None = Field(
        None, description="http://host:port of a proxy for all but UDP; HTTP_PROXY and its like are ignored"
    )
    connect_to: dict[str, str] = Field(
        default_factory=dict,
        description="host or pattern -> address:port to connect to instead, as curl --connect-to",
    )

    @field_validator("ca_file")
    @classmethod
    def _check_certificates(cls, value: str | None, about: ValidationInfo) -> str | None:
        """As an absolute path, when it is known where the config file lies."""
        if value is None:
            return None
        value = str(Path((about.context or {}).get(FOLDER, "."), value))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            why = getattr(error, "strerror", None) or str(error)
            raise ValueError(say("expected a file with certificates in PEM form ({why})", why=why)) from error
        return value

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            whole = parts.scheme == "http" and bool(parts.hostname) and bool(parts.port)
        except ValueError:  # a port that is none
            whole = False
        if not whole or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(say("expected http://host:port, without a name and a password"))
        return value.rstrip("/")

    @field_validator("connect_to")
    @classmethod
    def _check_targets(cls, value: dict[str, str]) -> dict[str, str]:
        for host, target in value.items():
            address, _, port = target.rpartition(":")
            bracketed = address.startswith("[") and address.endswith("]")
            is_port = port.isdecimal() and 0 < int(port[:6]) < 65_536
            if not address or (":" in address) != bracketed or not is_port:
                raise ValueError(say("{host}: expected address:port, got {target}", host=host, target=repr(target)))
        return value


class LogSettings(Settings):
    """What the process writes to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much of it")


class LedgerSettings(Settings):
    """What is remembered of billed sessions, and who ends them when the bot dies."""

    file: str = Field("parley.sqlite3", description="where sessions are written down, relative to this file")
    watchdog: bool = Field(True, description="start the process that ends sessions when the bot dies")
    heartbeat_limit: Annotated[float, Field(ge=2, le=600)] = Field(
        20, description="seconds without a sign of life after which the bot counts as frozen"
    )

    @field_validator("file")
    @classmethod
    def _check_file(cls, value: str) -> str:
        if Path(value).name in ("", "..") or value.endswith("/") or "\0" in value:
            raise ValueError(say("expected the name of a file"))
        return value


class Rule(Settings):
    """How much may be billed; null means no limit."""

    minutes_per_call: Annotated[int, Field(ge=1)] | None = Field(None, description="after which a call is ended")
    minutes_per_day: Annotated[int, Field(ge=0)] | None = Field(None, description="of all calls that began on one day")
    minutes_per_month: Annotated[int, Field(ge=0)] | None = Field(
        None, description="of all calls that began in one month"
    )
    concurrent_calls: Annotated[int, Field(ge=0)] | None = Field(
        None, description="calls at once; for a user, over all servers"
    )
    cooldown: Seconds | None = Field(None, description="seconds between the end of a call and the next")


class ServerRule(Rule):
    """How much may be billed; null means no limit."""

    minutes_per_call: Annotated[int, Field(ge=1)] | None = Field(120, description="after which a call is ended")


class LimitSettings(Settings):
    """Budgets of a server. A user's own entry overrides those of their roles, of which the most generous counts, and
    a role's entry overrides the one for every user. Minutes count for the day and month in which a call began."""

    time_zone: str = Field("UTC", description="in which days and months begin, such as Asia/Ho_Chi_Minh")
    quiet_hours: tuple[str, ...] = Field((), description='without calls, for example ["23:00-07:00"]')
    server: ServerRule = ServerRule()
    user: Rule = Field(Rule(), description="for everyone who starts calls")
    roles: dict[Snowflake, Rule] = Field(
        default_factory=dict, description="role id -> limits for members with that role", json_schema_extra=ROLE
    )
    users: dict[Snowflake, Rule] = Field(default_factory=dict, description="user id -> limits")

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(say("expected a time zone's name, such as Europe/Berlin")) from error
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _check_quiet_hours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for span in value:
            if _SPAN.fullmatch(span) is None:
                raise ValueError(say('expected "HH:MM-HH:MM", got {span}', span=repr(span)))
        return value


class AccessSettings(Settings):
    """Who may do what, by role id. People who can manage the server may do everything; a call's starter may end it."""

    start: tuple[Snowflake, ...] = Field(
        (), description="roles that may start calls; empty means everybody", json_schema_extra=ROLE
    )
    stop: tuple[Snowflake, ...] = Field(
        (), description="roles that may end other people's calls; empty means everybody", json_schema_extra=ROLE
    )
    configure: tuple[Snowflake, ...] = Field(
        (), description="roles that may change settings and plugins from Discord", json_schema_extra=ROLE
    )


class ServerSettings(Settings):
    """What one server may set; `defaults:` has the same keys and is overlaid by the server's own."""

    provider: str = Field("valsea", description="the provider plugin to open sessions with", json_schema_extra=OPERATOR)
    voicebot: str | None = Field(None, description="id of the voicebot that joins by default")
    voicebots: dict[str, str] = Field(default_factory=dict, description="name -> id, for /voicebot join")
    voicebot_name: str | None = Field(None, description="what to call it; by default the provider's name for it")
    language: str | None = Field(
        None, description="language of the text channel: en, de or vi; by default the server's language in Discord"
    )
    text_channel: Snowflake | None = Field(
        None,
        description="where the transcript and pictures go; by default the channel where the command was typed",
        json_schema_extra=CHANNEL,
    )
    empty_channel_grace: Seconds = Field(30, description="seconds alone in the channel before the call ends")
    voicebot_arrival: Seconds = Field(30, description="seconds for the voicebot to join its room")
    voicebot_return: Seconds = Field(20, description="seconds for a voicebot that left to come back")
    reconnect_limit: Seconds = Field(45, description="seconds a broken connection may take to heal")
    gateway_limit: Seconds = Field(300, description="seconds without Discord's gateway before the call ends")
    silence_limit: Seconds = Field(600, description="seconds of silence before the call ends; 0 means never")
    first_audio_limit: Seconds = Field(
        60, description="seconds after the start within which somebody must be heard; 0 means no limit"
    )
    access: AccessSettings = AccessSettings()
    limits: LimitSettings = LimitSettings()
    hand_over: bool = Field(
        True, description="when its starter leaves the channel, somebody who is still there becomes the call's host"
    )
    follow_moves: bool = Field(False, description="stay in the call when moved to another voice channel")
    consent: Literal["assumed", "asked"] = Field(
        "assumed", description="asked: only people who agree during the call, by button or command, are heard"
    )
    hear_bots: bool = Field(False, description="whether the voicebot hears other bots in the channel, such as music")
    lead_in_ms: int = Field(
        20, ge=0, le=200, description="silence sent before the voicebot's first word, so that no syllable is cut off"
    )
    jitter_buffer_ms: int = Field(40, ge=20, le=200, description="lower bound of the jitter buffer's delay")
    jitter_buffer_max_ms: int = Field(
        100, ge=20, le=500, description="upper bound of the jitter buffer's delay, for bad connections"
    )
    level_balance: bool = Field(True, description="bring quiet and loud speakers to the same loudness for the voicebot")
    interrupt: Literal["anyone", "starter", "nobody"] = Field(
        "anyone", description="who can interrupt the voicebot by speaking"
    )
    bitrate_kbps: int = Field(64, ge=16, le=256, description="of the voicebot's voice in Discord")
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="plugin name -> its settings; `enabled: false` turns one off"
    )

    @field_validator("language")
    @classmethod
    def _check_language(cls, value: str | None) -> str | None:
        if value is not None and value not in languages():
            raise ValueError(say("expected one of {expected}", expected=", ".join(languages())))
        return value

    @field_validator("jitter_buffer_max_ms")
    @classmethod
    def _check_most(cls, value: int, others: ValidationInfo) -> int:
        least = others.data.get("jitter_buffer_ms")  # not there when it is wrong itself
        if least is not None and value < least:
            raise ValueError(say("expected at least {key}, which is {least}", key="jitter_buffer_ms", least=least))
        return value


class PluginSettings(Settings):
    """Base of a plugin's block under `plugins:`."""

    #: Whether the whole block is the operator's: server admins may not change it from Discord.
    operator_only: ClassVar[bool] = False

    enabled: bool = Field(True, description="whether this plugin works on this server")


class ProviderSettings(PluginSettings):
    """Base of a provider's block, which says whose account pays and where its key is sent: its operator's alone."""

    operator_only: ClassVar[bool] = True


class UncheckedSettings(PluginSettings):
    """The block of a plugin that cannot be used, which is no reason for the bot not to start.

    What is in it may be the operator's when the plugin works again, so nobody else changes it.
    """

    operator_only: ClassVar[bool] = True

    model_config = ConfigDict(extra="allow", frozen=True)


#: The settings that decide how much is billed: people who invite the bot spend its operator's credits.
LOCKED = (
    "limits",
    "silence_limit",
    "first_audio_limit",
    "empty_channel_grace",
    "voicebot_arrival",
    "voicebot_return",
    "reconnect_limit",
    "gateway_limit",
)


class HostSettings(Settings):
    """The whole of the config file."""

    discord: DiscordSettings = DiscordSettings()
    network: NetworkSettings = NetworkSettings()
    log: LogSettings = LogSettings()
    ledger: LedgerSettings = LedgerSettings()
    record: str | None = Field(
        None,
        description="folder for flight records: what happened in each call, without what was said; null is none",
    )
    max_calls: Annotated[int, Field(ge=1)] | None = Field(None, description="calls at once on all servers together")
    plugin_folders: tuple[str, ...] = Field(
        (), description="folders with plugins of your own, relative to this file; read at the start"
    )
    servers_allowed: tuple[Snowflake, ...] | None = Field(
        None, description="ids of the servers whose people may start calls, at your cost; null is every one it is on"
    )
    locked: tuple[str, ...] = Field(
        LOCKED, description="settings that server admins may not change from Discord, such as plugins.images"
    )
    defaults: ServerSettings = ServerSettings()
    servers: dict[int, ServerSettings] = Field(default_factory=dict, description="guild id -> settings")
