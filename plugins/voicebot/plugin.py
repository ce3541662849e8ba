"""The commands people type. Answers go to the person who asked; the channel reads only what concerns everyone."""

import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import discord
from discord import app_commands

from bot.call.call import Call
from bot.call.events import Receipt
from bot.call.limits import Starter
from bot.call.manager import humans_in
from bot.call.permissions import listed, missing_in_text
from bot.call.request import CallRequest
from bot.call.state import CallState, EndReason
from bot.call.usage import Period, as_csv, span
from bot.config.model import PluginSettings, ServerSettings
from bot.errors import Refused
from bot.language import Text, say, spoken
from bot.plugin_host.plugin import Host, Plugin
from bot.text import name as safe_name

from . import receipts, words
from .access import check_start, check_stop
from .plugins import PluginCommands
from .settings import SettingsCommands

Interaction = discord.Interaction[Any]


class VoicebotPlugin(Plugin[PluginSettings]):
    """`/voicebot ...`"""

    name = "voicebot"

    voicebot = app_commands.Group(
        name="voicebot", description="Talk with a voicebot in a voice channel", guild_only=True
    )

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.voicebot.add_command(SettingsCommands(host))
        self.voicebot.add_command(PluginCommands(host, self.name, host.is_owner))

    @voicebot.command(name="join", description="Bring the voicebot into a voice channel")
    @app_commands.describe(
        channel="where to; else the channel you are in", voicebot="which one; else this server's usual one"
    )
    async def join(
        self,
        interaction: Interaction,
        channel: discord.VoiceChannel | None = None,
        voicebot: str | None = None,
    ) -> None:
        """Start a call."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, member = _where(interaction)
        settings = self.host.config.server(guild.id)
        check_start(member, settings.access)
        target = channel or _channel_of(member)
        _check_member(member, target)
        text_channel_id = self._text_channel(interaction, settings)
        request = CallRequest(
            channel=target,
            text_channel_id=text_channel_id,
            starter_id=member.id,
            voicebot=resolve_voicebot(settings, voicebot),
            participant=guild.name[:80],
            starter_roles=tuple(role.id for role in member.roles),
        )
        call = await self.host.calls.start(request, self.host.config)
        await interaction.followup.send(
            words.joined(call.voicebot_name, target.id).to(theirs(interaction)), ephemeral=True
        )

    @join.autocomplete("voicebot")
    async def _voicebots(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        if interaction.guild_id is None:
            return []
        names = self.host.config.server(interaction.guild_id).voicebots
        matching = [name for name in names if typed.casefold() in name.casefold()]
        return [app_commands.Choice(name=name[:100], value=name[:100]) for name in matching[:25]]

    @voicebot.command(name="leave", description="End the call")
    async def leave(self, interaction: Interaction) -> None:
        """End the call; the receipt follows in the channel."""
        call = self._call(interaction)
        _, member = _where(interaction)
        check_stop(member, call.settings.access, call)
        call.end(EndReason.LEFT, by=interaction.user.id)  # before anything else: the meter runs
        await interaction.response.send_message(
            words.leaving(call.voice_channel_id).to(theirs(interaction)), ephemeral=True
        )

    @voicebot.command(name="mute", description="The voicebot no longer hears you in this call")
    async def mute(self, interaction: Interaction) -> None:
        """Not a packet of this person's is decrypted from now on."""
        await self._call(interaction).ignore(interaction.user.id, True)
        await interaction.response.send_message(words.MUTED.to(theirs(interaction)), ephemeral=True)

    @voicebot.command(name="unmute", description="The voicebot hears you again")
    async def unmute(self, interaction: Interaction) -> None:
        """The opposite of mute."""
        await self._call(interaction).ignore(interaction.user.id, False)
        await interaction.response.send_message(words.UNMUTED.to(theirs(interaction)), ephemeral=True)

    @voicebot.command(name="status", description="How the call is going")
    @app_commands.describe(details="the numbers behind the sound: who is heard, losses, delays")
    async def status(self, interaction: Interaction, details: bool = False) -> None:
        """State, time and cost so far."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        assert interaction.guild_id is not None
        billed = self.host.calls.still_billed(interaction.guild_id)
        if billed is not None:
            await interaction.followup.send(words.still_billed(billed).to(theirs(interaction)), ephemeral=True)
            return
        call = self._call(interaction)
        starter = Starter(call.guild_id, call.starter_id, call.request.starter_roles)
        budgets = await self.host.calls.limits.budgets(call.settings.limits, starter, datetime.now(UTC))
        sound = await call.sound()
        text = words.status(call, sound, budgets, theirs(interaction))
        if details:
            text += "\n" + words.details(sound, theirs(interaction))
        await interaction.followup.send(text, ephemeral=True)

    @voicebot.command(name="usage", description="What calls have cost on this server")
    @app_commands.describe(period="else this month", export="attach every call as a CSV file")
    @app_commands.choices(period=[app_commands.Choice(name=p.value, value=p.name) for p in Period])
    async def usage(self, interaction: Interaction, period: str = Period.THIS_MONTH.name, export: bool = False) -> None:
        """Totals; people who may not manage the server see the server's total and their own part."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, member = _where(interaction)
        local = datetime.now(ZoneInfo(self.host.config.server(guild.id).limits.time_zone))
        start, end = span(Period[period], local)
        records = await self.host.calls.ledger.between(start, end, guild.id)
        manages = member.guild_permissions.manage_guild
        shown = records if manages else [r for r in records if r.starter_id == member.id]
        file: discord.File = discord.utils.MISSING
        if export:
            content = as_csv(shown, local).encode()
            file = discord.File(io.BytesIO(content), f"calls-{Period[period].value.replace(' ', '-')}.csv")
        embed = words.usage(Period[period], records, shown, local, theirs(interaction), everyone=manages)
        await interaction.followup.send(embed=embed, file=file, ephemeral=True)

    async def on_call_started(self, call: Call) -> None:
        await self._post(call, words.started(call.voicebot_name, call.voice_channel_id, call.starter_id))

    async def on_warning(self, call: Call, text: str) -> None:
        await self._post(call, say("⚠️ {text}", text=text))

    async def on_notice(self, call: Call, text: str) -> None:
        await self._post(call, say("✅ {text}", text=text))

    async def on_call_ended(self, receipt: Receipt) -> None:
        channel = self.host.get_channel(receipt.text_channel_id)
        if channel is not None:
            await receipts.post_once(channel, receipt, self.language(receipt.guild_id))

    async def _post(self, call: Call, text: Text) -> None:
        channel = self.host.get_channel(call.text_channel_id)
        if channel is not None:  # deleted meanwhile, or the bot is no longer on the server
            await channel.send(text.to(self.language(call.guild_id)))

    def _call(self, interaction: Interaction) -> Call:
        assert interaction.guild_id is not None
        call = self.host.calls.of_guild(interaction.guild_id)
        if call is None or call.state is CallState.ENDING:
            raise Refused(say("There is no call on this server. `/voicebot join` starts one."))
        return call

    def _text_channel(self, interaction: Interaction, settings: ServerSettings) -> int:
        """Where the words go; Refused, naming what the bot may not do there."""
        guild, _ = _where(interaction)
        channel_id = settings.text_channel or interaction.channel_id
        channel = None if channel_id is None else guild.get_channel_or_thread(channel_id)
        if channel is None:
            raise Refused(
                say(
                    "The text channel in this server's settings is gone, or I cannot see it. "
                    "The bot's operator can correct `text_channel`."
                )
            )
        missing = missing_in_text(channel)
        if missing:
            raise Refused(
                say(
                    "I need the permission {permissions} in {channel}, "
                    "so that I can write down what is said. An admin can grant it in the channel's settings.",
                    permissions=listed(missing),
                    channel=channel.mention,
                )
            )
        return channel.id


def theirs(interaction: Interaction) -> str:
    """The language of who asked."""
    return spoken(interaction.locale)


def resolve_voicebot(settings: ServerSettings, asked: str | None) -> str:
    """The provider's id for the voicebot someone named, or for the usual one; Refused when there is none."""
    wanted = asked or settings.voicebot
    if wanted is None:
        if len(settings.voicebots) == 1:
            return next(iter(settings.voicebots.values()))
        raise Refused(
            say(
                "No voicebot is set for this server. Name one in the command, "
                "or ask the bot's operator to set `voicebot` in the config file."
            )
        )
    by_name = {name.casefold(): identifier for name, identifier in settings.voicebots.items()}
    found = by_name.get(wanted.casefold())
    if found is not None:
        return found
    if asked is not None and asked != settings.voicebot and settings.voicebots:
        known = ", ".join(f"**{safe_name(name)}**" for name in settings.voicebots)
        raise Refused(
            say("There is no voicebot named {name} here. There are: {known}.", name=safe_name(asked), known=known)
        )
    return wanted


def _where(interaction: Interaction) -> tuple[discord.Guild, discord.Member]:
    if interaction.guild is None or not isinstance(interaction.user, discord.Member):
        raise Refused(say("This works on a server only."))
    return interaction.guild, interaction.user


def _check_member(member: discord.Member, channel: discord.VoiceChannel) -> None:
    """What is said in a channel is written down: nobody may send the bot where they could not go themselves."""
    permissions = channel.permissions_for(member)
    if not (permissions.view_channel and permissions.connect):
        raise Refused(say("You may not join that voice channel yourself, so I do not join it for you."))
    if not humans_in(channel):
        raise Refused(say("There is nobody in {channel} to talk with. Join it first.", channel=channel.mention))


def _channel_of(member: discord.Member) -> discord.VoiceChannel:
    channel = None if member.voice is None else member.voice.channel
    if channel is None:
        raise Refused(say("Join a voice channel first, or name one: `/voicebot join channel:`."))
    if not isinstance(channel, discord.VoiceChannel):
        # On a stage a bot stays mute until a moderator makes it a speaker; nobody should pay for that.
        raise Refused(say("I cannot talk on a stage. Join an ordinary voice channel instead."))
    return channel
