"""The plugin API: everything of Parley that a plugin may import, and nothing else.

`plugin.yaml` names the version it was written for (`api:`). Within a version names are added and never taken away, a
hook or method gets new arguments only with a default, and what a name means stays what it was; anything else is a new
version, and a plugin that asks for another one is refused with the way out. What plugins reach through these names and
is not listed here may change at any time. The rule holds from the release of 0.1.0 on. discord.py is a plugin's to use
directly.

In the order in which a plugin needs them: the plugin itself, its settings, calls and what happens in them, who may do
what, words for people, money, what a provider needs, and what the settings commands are made of.
"""

from bot.access.missing_ids import describe_missing, missing_ids
from bot.access.permissions import (
    DEAFENED,
    MUTED,
    check_text,
    check_voice,
    listed,
    missing_in_text,
    missing_in_voice,
    needed_in_text,
    needed_in_voice,
)
from bot.access.roles import check_configure, check_start, check_stop
from bot.access.voice_channel import VoiceChannel, people_in
from bot.access.voicebots import resolve_voicebot
from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord, SessionState
from bot.billing.limits import Budget, Starter
from bot.billing.receipt import Receipt
from bot.billing.usage import Period, Total, as_csv, span, totals
from bot.call.events import TranscriptLine
from bot.call.hearing import diagnosis
from bot.call.request import CallRequest
from bot.call.state import CallState
from bot.call.turns import Turn
from bot.config.edit import ABSENT
from bot.config.edit import changed as edited_yaml
from bot.config.keys import Key, ServerKeys, as_written, is_operator_only, leaves, operators_part, server_keys
from bot.config.load import Config
from bot.config.model import (
    CHANNEL,
    OPERATOR,
    ROLE,
    AccessSettings,
    EnvName,
    PluginSettings,
    ProviderSettings,
    Seconds,
    ServerSettings,
    Snowflake,
)
from bot.config.source import parse as parse_yaml
from bot.discord_errors import DISCORD_FAILURES
from bot.errors import (
    BadAnswer,
    ConfigError,
    KeyRejected,
    LedgerError,
    NotAllowed,
    OutcomeUnknown,
    OutOfCredits,
    ParleyError,
    PluginError,
    Problem,
    ProviderDown,
    ProviderError,
    RateLimited,
    Refused,
    RequestRejected,
    SecretError,
    VoicebotNotFound,
    WrongAddress,
)
from bot.language import ENGLISH, Text, in_language, mark, say, say_n, spoken
from bot.media.report import SoundReport, SpeakerReport
from bot.media.tap import AudioTap, SoundFrame
from bot.network import Network, httpx
from bot.plugin_host.manifest import Manifest
from bot.plugin_host.plugin import CommandRefused, Host, Plugin
from bot.plugin_host.protocols import Call, Calls, InstalledPlugin, Plugins, ProviderInfo
from bot.provider import (
    Account,
    Probing,
    Provider,
    Role,
    RoomMessage,
    SessionEnd,
    ShownImage,
    StoredMessage,
    Utterance,
    VoicebotSession,
    key_fingerprint,
)
from bot.public_address import MAX_URL, is_postable, is_room_address
from bot.recorder.contract import NOT_SEEN, Assumption, Verdict, differs, held
from bot.recorder.reading import FlightRecord
from bot.secret import read as read_secret
from bot.text import MESSAGE_LIMIT, clean, fit, plain, redact, split
from bot.text import name as safe_name

__all__ = [
    "ABSENT",
    "CHANNEL",
    "DEAFENED",
    "DISCORD_FAILURES",
    "ENGLISH",
    "MAX_URL",
    "MESSAGE_LIMIT",
    "MUTED",
    "NOT_SEEN",
    "OPERATOR",
    "ROLE",
    "AccessSettings",
    "Account",
    "Assumption",
    "AudioTap",
    "BadAnswer",
    "Budget",
    "Call",
    "CallRequest",
    "CallState",
    "Calls",
    "CommandRefused",
    "Config",
    "ConfigError",
    "EndReason",
    "EnvName",
    "FlightRecord",
    "Host",
    "InstalledPlugin",
    "Key",
    "KeyRejected",
    "LedgerError",
    "Manifest",
    "Network",
    "NotAllowed",
    "OutOfCredits",
    "OutcomeUnknown",
    "ParleyError",
    "Period",
    "Plugin",
    "PluginError",
    "PluginSettings",
    "Plugins",
    "Probing",
    "Problem",
    "Provider",
    "ProviderDown",
    "ProviderError",
    "ProviderInfo",
    "ProviderSettings",
    "RateLimited",
    "Receipt",
    "Refused",
    "RequestRejected",
    "Role",
    "RoomMessage",
    "Seconds",
    "SecretError",
    "ServerKeys",
    "ServerSettings",
    "SessionEnd",
    "SessionRecord",
    "SessionState",
    "ShownImage",
    "Snowflake",
    "SoundFrame",
    "SoundReport",
    "SpeakerReport",
    "Starter",
    "StoredMessage",
    "Text",
    "Total",
    "TranscriptLine",
    "Turn",
    "Utterance",
    "Verdict",
    "VoiceChannel",
    "VoicebotNotFound",
    "VoicebotSession",
    "WrongAddress",
    "as_csv",
    "as_written",
    "check_configure",
    "check_start",
    "check_stop",
    "check_text",
    "check_voice",
    "clean",
    "describe_missing",
    "diagnosis",
    "differs",
    "edited_yaml",
    "fit",
    "held",
    "httpx",
    "in_language",
    "is_operator_only",
    "is_postable",
    "is_room_address",
    "key_fingerprint",
    "leaves",
    "listed",
    "mark",
    "missing_ids",
    "missing_in_text",
    "missing_in_voice",
    "needed_in_text",
    "needed_in_voice",
    "operators_part",
    "parse_yaml",
    "people_in",
    "plain",
    "read_secret",
    "redact",
    "resolve_voicebot",
    "safe_name",
    "say",
    "say_n",
    "server_keys",
    "span",
    "split",
    "spoken",
    "totals",
]
