"""A bot with the plugins that come with Parley, on a Discord in this process (simcord).

People type commands, discord.py parses, checks and runs them, and what they are answered is read back. Calls are fakes
that note what is asked of them.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import simcord
import yaml
from discord.ext import commands

from bot.billing.end_reason import EndReason
from bot.billing.ledger import SessionRecord
from bot.billing.limits import Allowance, Budget
from bot.call.request import CallRequest
from bot.call.state import CallState
from bot.call.turns import Turn
from bot.commands.errors import explain, is_refusal
from bot.commands.tree import CommandTree
from bot.config.admin import AdminSettings
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.config.model import ServerSettings
from bot.media.consent import Consent
from bot.media.report import SoundReport
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.host import PluginHost

_SERVERS = itertools.count()


@dataclass
class FakeCall:
    """What commands ask of a call."""

    request: CallRequest
    settings: ServerSettings
    id: str = "call1"
    state: CallState = CallState.LIVE
    session: Any = None
    provider: Any = field(default_factory=lambda: SimpleNamespace(title="Valsea"))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    allowance: Allowance | None = None
    consent: Consent = field(default_factory=Consent)
    voicebot_name: str = "Guide"
    voicebot_there: bool = True
    elapsed: float = 90.0
    billed_minutes: int = 2
    sound: SoundReport = field(default_factory=SoundReport)
    turns: tuple[Turn, ...] = ()
    ended: list[tuple[EndReason, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channel = self.request.channel
        self.guild_id = self.channel.guild.id
        self.voice_channel_id = self.channel.id
        self.text_channel_id = self.request.text_channel_id
        self.starter_id = self.host_id = self.request.starter_id
        self.voicebot = self.request.voicebot

    async def sound_report(self) -> SoundReport:
        return self.sound

    async def set_consent(self, user_id: int, given: bool) -> None:
        self.consent.set(user_id, given)

    def end(self, reason: EndReason, by: int | None = None) -> None:
        self.ended.append((reason, by))
        self.state = CallState.ENDING


@dataclass
class FakeTest:
    """An echo test that is over when somebody stops it."""

    channel: Any
    starter_id: int
    longest: float = 60.0
    sound: SoundReport = field(default_factory=SoundReport)
    listeners: Any = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        self.over.set()


class FakeCalls:
    """In the place of the call manager: one server's call, when there is one.

    `start` makes none of the manager's checks: those have tests of their own (`tests/bot/call/test_manager.py`).
    """

    def __init__(self) -> None:
        self.call: FakeCall | None = None
        self.billed: FakeCall | None = None
        self.test: FakeTest | None = None
        self.records: list[SessionRecord] = []
        self.spans: list[tuple[float, float]] = []
        self.left: list[Budget] = []
        self.requests: list[CallRequest] = []
        #: Raised by the next start.
        self.refusal: Exception | None = None
        self.library: Mapping[str, str] | Exception = {}

    def of_guild(self, guild_id: int) -> FakeCall | None:
        return self.call

    def still_billed(self, guild_id: int) -> FakeCall | None:
        return self.billed

    def config_of(self, guild_id: int) -> None:
        return None

    def provider_of(self, guild_id: int, config: Config) -> Any:
        async def library(voicebot: str) -> Mapping[str, str]:
            if isinstance(self.library, Exception):
                raise self.library
            return self.library

        return SimpleNamespace(title="Valsea", image_library=library)

    async def start(self, request: CallRequest, config: Config) -> FakeCall:
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        self.call = FakeCall(request, config.server(request.channel.guild.id))
        return self.call

    def test_of(self, guild_id: int) -> FakeTest | None:
        return None if self.test is None or self.test.over.is_set() else self.test

    async def start_test(self, channel: Any, user_id: int, config: Config) -> FakeTest:
        self.test = FakeTest(channel, user_id)
        return self.test

    async def history(self, start: float, end: float, guild_id: int) -> Sequence[SessionRecord]:
        self.spans.append((start, end))
        return [record for record in self.records if start <= record.intended_at < end]

    async def budgets(self, settings: Any, starter: Any, now: datetime) -> Sequence[Budget]:
        return self.left


class Host(commands.Bot):
    """What plugins are offered, as `bot.app.Parley` offers it."""

    def __init__(self, file: Path) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.voice_states = True
        super().__init__(
            command_prefix=commands.when_mentioned, help_command=None, intents=intents, tree_cls=CommandTree
        )
        catalog = Catalog.load()
        self.calls = FakeCalls()
        self.source = ConfigFile(file, catalog.models)
        self.admin_settings = AdminSettings(self.source, catalog.models)
        self.plugins = PluginHost(self, catalog)  # type: ignore[arg-type]
        self.reloaded: list[str] = []
        self.explained: list[Exception] = []

    @property
    def config(self) -> Config:
        return self.source.config

    async def setup_hook(self) -> None:
        await self.plugins.start()
        await self.tree.sync()

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)

    def name_of(self, guild_id: int, user_id: int, /) -> str | None:
        return None

    def server_text(self, guild_id: int) -> str:
        return self.admin_settings.text(guild_id)

    async def change_settings(self, guild_id: int, changes: Mapping[tuple[str, ...], Any]) -> None:
        await self.admin_settings.change(guild_id, changes)

    async def replace_settings(self, guild_id: int, text: str) -> None:
        await self.admin_settings.replace(guild_id, text)

    async def reload_plugin(self, name: str) -> None:
        self.reloaded.append(name)

    async def explain_error(self, interaction: discord.Interaction[Any], error: Exception) -> None:
        self.explained.append(error)
        await explain(interaction, error)


class Server:
    """A server with Ann, who may manage it, and Ben, who may not; each types commands into the text channel."""

    def __init__(self, bot: Host, env: simcord.Env) -> None:
        self.bot, self.env = bot, env
        for _ in range(next(_SERVERS)):  # ids are numbered; cooldowns of the test before are other people's
            env.create_user("Nobody")
        self.guild = env.create_guild("A server")
        self.text = self.guild.create_text_channel("talk")
        self.voice = self.guild.create_voice_channel("Lounge")
        admin = self.guild.create_role("Admin", permissions=discord.Permissions(administrator=True))
        self.ann = self.guild.add_member(env.create_user("Ann"), roles=[admin])
        self.ben = self.guild.add_member(env.create_user("Ben"))

    @property
    def calls(self) -> FakeCalls:
        return self.bot.calls

    async def closed_channel(self, **denied: bool) -> simcord.ChannelHandle:
        """A voice channel in which everybody but admins is denied permissions, by discord.py's names."""
        channel = self.guild.create_voice_channel("Closed")
        there: discord.VoiceChannel = self.channel(channel)
        await there.set_permissions(there.guild.default_role, overwrite=discord.PermissionOverwrite(**denied))
        return channel

    def channel(self, handle: simcord.ChannelHandle | None = None) -> Any:
        """A channel as the bot sees it; by default the voice channel."""
        return self.bot.get_channel((handle or self.voice).id)

    def call(self, starter: simcord.MemberActor | None = None, **changes: Any) -> FakeCall:
        """A call is going on in the voice channel."""
        request = CallRequest(self.channel(), self.text.id, (starter or self.ann).id, "guide", "A server")
        self.calls.call = FakeCall(request, self.bot.config.server(self.guild.id), **changes)
        return self.calls.call

    async def type(self, by: simcord.MemberActor, command: str, **options: Any) -> str:
        """What somebody is answered, who alone reads it."""
        result = await by.slash(self.text, command, **options)
        assert result.ephemeral, "everybody reads the answer"
        return said(result)

    async def choices(self, by: simcord.MemberActor, command: str, option: str, typed: str) -> list[str]:
        """What Discord offers while somebody types an option."""
        return [choice["value"] for choice in await by.autocomplete(self.text, command, option, typed)]

    def own_settings(self) -> dict[str, Any]:
        """What stands in the server's own file."""
        return yaml.safe_load(self.bot.server_text(self.guild.id)) or {}


def said(result: simcord.InteractionResult) -> str:
    """All that an interaction was answered, in order."""
    there = [] if result.response is None else [result.response]
    return "\n".join(words(message) for message in [*there, *result.followups])


async def attached(result: simcord.InteractionResult) -> tuple[str, bytes]:
    """The name and the content of the file that an interaction was answered with."""
    answers = [] if result.response is None else [result.response]
    (file,) = [file for message in [*answers, *result.followups] for file in message.attachments]
    return file.filename, await file.read()


def words(message: Any) -> str:
    """What a message says, its embeds included."""
    parts = [message.content]
    for embed in message.embeds:
        parts += [embed.title or "", embed.description or ""]
        parts += [f"{field.name}: {field.value}" for field in embed.fields]
    return "\n".join(part for part in parts if part)


@asynccontextmanager
async def playing(folder: Path, config: str = "defaults: {voicebot: guide}\n") -> AsyncIterator[Server]:
    """A server whose bot has this config. What a command raises is a refusal, or fails the test."""
    file = folder / "config.yaml"
    file.write_text(config)
    bot = Host(file)
    env = simcord.Env(bot)
    await env.start()
    try:
        yield Server(bot, env)
    finally:
        await bot.plugins.stop()
        await env.shutdown()
    faults: list[Any] = [getattr(error, "original", error) for error in env.errors]
    assert [fault for fault in faults if not is_refusal(fault)] == []
