"""The commands people type. Answers go to the person who asked; the channel reads only what concerns everyone."""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import Field

from bot.api import (
    DISCORD_FAILURES,
    ENGLISH,
    Call,
    CallRequest,
    CallState,
    EndReason,
    Host,
    Period,
    Plugin,
    PluginSettings,
    Receipt,
    Refused,
    Starter,
    Text,
    as_csv,
    check_configure,
    check_start,
    check_stop,
    fit,
    humans_in,
    resolve_voicebot,
    say,
    span,
)

from . import messages, receipts
from .commands import setup
from .commands.plugins import PluginCommands
from .commands.settings import SettingsCommands
from .diagnosis import checks
from .interactions import Interaction, guild_and_member, locale_of, may_look
from .panel import Panel, PanelButtons

log = logging.getLogger(__name__)

#: Seconds, and how often somebody may ask for a call, a test, the set-up or the doctor in them: these cost Discord or
#: the provider something.
COMMAND_COOLDOWN, MAX_COMMANDS = 30.0, 5
#: Seconds for the first words of a call before others go ahead of them, and until they are tried again, at first and in
#: the end; and at the end of the call for those that are on their way.
ANNOUNCE_TIMEOUT, RETRY_MIN, RETRY_MAX = 8.0, 5.0, 60.0
FINAL_ANNOUNCE_TIMEOUT = 2.0
#: Seconds that the ending waits for the panel's last edit, for which Discord may make us wait much longer.
FINAL_PANEL_TIMEOUT = 3.0
#: Refusals in a row, none of which passes by itself, before a call ends of which people cannot be told.
MAX_REFUSALS = 3
#: Seconds in which those who join the channel of a running call are told together that they are heard.
JOINERS_WINDOW = 3.0
_rate_limited = app_commands.checks.cooldown(
    MAX_COMMANDS, COMMAND_COOLDOWN, key=lambda asked: (asked.guild_id, asked.user.id)
)


class VoicebotSettings(PluginSettings):
    """What the channel sees of a call."""

    panel: bool = Field(True, description="a message with the call's state, its cost and buttons, kept up to date")


class VoicebotPlugin(Plugin[VoicebotSettings]):
    """The commands under `/voicebot` and the channel's messages."""

    name = "voicebot"
    Settings = VoicebotSettings
    vital = True
    announces = True

    voicebot = app_commands.Group(
        name="voicebot", description="Talk with a voicebot in a voice channel", guild_only=True
    )

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.voicebot.add_command(SettingsCommands(host))
        self.voicebot.add_command(PluginCommands(host, self.name, host.is_owner))
        self._panels: dict[str, Panel] = {}  # by call id
        self._announcing: dict[str, asyncio.Task[None]] = {}  # by call id
        self._told: dict[str, set[int]] = {}  # by call id: those who were there when it was said, or were told since
        self._untold: dict[str, list[int]] = {}  # by call id: those who have just come

    async def on_load(self) -> None:
        """From now on the buttons of every panel work, those of an earlier run of the bot too."""
        # Never stopped: that would take its buttons from whichever instance has come in its place.
        self.host.add_view(self._view(ENGLISH))

    @voicebot.command(name="join", description="Bring the voicebot into a voice channel")
    @_rate_limited
    @app_commands.describe(
        channel="where to; by default the channel you are in", voicebot="which one; by default this server's usual one"
    )
    async def join(
        self,
        interaction: Interaction,
        channel: discord.VoiceChannel | None = None,
        voicebot: str | None = None,
    ) -> None:
        """Start a call in a voice channel."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, member = guild_and_member(interaction)
        settings = self.host.config.server(guild.id)
        check_start(member, settings.access)
        target = channel or _channel_of(member)
        _check_member(member, target)
        _check_there(member, target)
        text_channel_id = settings.text_channel or interaction.channel_id
        assert text_channel_id is not None
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
            messages.joined(call.voicebot_name, target.id, ask_first=call.consent.ask_first).to(locale_of(interaction)),
            ephemeral=True,
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
        await self._leave(interaction)

    async def _leave(self, interaction: Interaction) -> None:
        guild, member = guild_and_member(interaction)
        test = self.host.calls.test_of(guild.id)
        if test is not None:
            check_stop(member, self.host.config.server(guild.id).access, test.starter_id, test.starter_id)
            test.stop()
            await interaction.response.send_message(messages.LEAVING_TEST.to(locale_of(interaction)), ephemeral=True)
            return
        call = self._call(interaction)
        check_stop(member, call.settings.access, call.starter_id, call.host_id)
        call.end(EndReason.LEFT, by=interaction.user.id)  # before anything else: the meter runs
        await interaction.response.send_message(
            messages.leaving(call.voice_channel_id).to(locale_of(interaction)), ephemeral=True
        )

    @voicebot.command(name="mute", description="The voicebot no longer hears you in this call")
    async def mute(self, interaction: Interaction) -> None:
        """Not a packet of this person's is decrypted from now on."""
        await self._hear(interaction, False)

    @voicebot.command(name="unmute", description="The voicebot hears you again")
    async def unmute(self, interaction: Interaction) -> None:
        """Let yourself be heard again after `/voicebot mute`."""
        await self._hear(interaction, True)

    async def _mute_or_hear(self, interaction: Interaction) -> None:
        """What the button says, however often it is clicked: nobody is to be heard by a click too many."""
        await self._hear(interaction, self._call(interaction).consent.ask_first)

    async def _hear(self, interaction: Interaction, willing: bool) -> None:
        call = self._call(interaction)
        await call.set_consent(interaction.user.id, willing)
        if call.id in self._panels:
            self._panels[call.id].changed()
        told = messages.UNMUTED if willing else messages.MUTED
        await interaction.response.send_message(told.to(locale_of(interaction)), ephemeral=True)

    @voicebot.command(name="status", description="How the call is going")
    @app_commands.describe(details="the numbers behind the sound: who is heard, losses, delays")
    async def status(self, interaction: Interaction, details: bool = False) -> None:
        """State, time and cost so far."""
        await self._status(interaction, details)

    async def _details(self, interaction: Interaction) -> None:
        await self._status(interaction, True)

    async def _status(self, interaction: Interaction, details: bool) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        assert interaction.guild_id is not None
        billed = self.host.calls.still_billed(interaction.guild_id)
        if billed is not None:
            await interaction.followup.send(messages.still_billed(billed).to(locale_of(interaction)), ephemeral=True)
            return
        call = self._call(interaction)
        _, member = guild_and_member(interaction)
        if details and not may_look(member, call.channel):
            raise Refused(say("You cannot see that voice channel, so I do not tell you who is in it."))
        starter = Starter(call.guild_id, call.starter_id, call.request.starter_roles)
        budgets = await self.host.calls.budgets(call.settings.limits, starter, datetime.now(UTC))
        sound = await call.sound_report()
        text = messages.status(call, sound, budgets, locale_of(interaction))
        if details:
            text += "\n" + messages.details(sound, locale_of(interaction))
        await interaction.followup.send(fit(text), ephemeral=True)

    @voicebot.command(name="setup", description="Choose voicebot, channels and roles for this server")
    @_rate_limited
    async def setup(self, interaction: Interaction) -> None:
        """Open the set-up, for those who may configure."""
        guild, member = guild_and_member(interaction)
        check_configure(member, self.host.config.server(guild.id).access)
        await setup.begin(self.host, interaction, guild, self.language(guild.id))

    @voicebot.command(name="doctor", description="Why somebody is not heard, or a call cannot begin")
    @_rate_limited
    async def doctor(self, interaction: Interaction) -> None:
        """What can be found out without a session, and what a running call knows."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = await checks.doctor(self.host, interaction)
        await interaction.followup.send(fit(text), ephemeral=True)

    @voicebot.command(name="test", description="Hear yourself in your voice channel; no voicebot, no cost")
    @_rate_limited
    async def test(self, interaction: Interaction) -> None:
        """An echo: no session is opened, nothing is billed."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        _, member = guild_and_member(interaction)
        check_start(member, self.host.config.server(member.guild.id).access)
        channel = _channel_of(member)
        _check_member(member, channel)
        await checks.test(self.host, interaction, channel)

    @voicebot.command(name="usage", description="What calls have cost on this server")
    @app_commands.describe(period="else this month", export="attach every call as a CSV file")
    @app_commands.choices(period=[app_commands.Choice(name=p.value, value=p.name) for p in Period])
    async def usage(self, interaction: Interaction, period: str = Period.THIS_MONTH.name, export: bool = False) -> None:
        """Totals; people who may not manage the server see the server's total and their own part."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, member = guild_and_member(interaction)
        local = datetime.now(ZoneInfo(self.host.config.server(guild.id).limits.time_zone))
        start, end = span(Period[period], local)
        records = await self.host.calls.history(start, end, guild.id)
        manages = member.guild_permissions.manage_guild
        shown = records if manages else [r for r in records if r.starter_id == member.id]
        file: discord.File = discord.utils.MISSING
        if export:
            content = as_csv(shown, local).encode()
            file = discord.File(io.BytesIO(content), f"calls-{Period[period].value.replace(' ', '-')}.csv")
        embed = messages.usage(Period[period], records, shown, local, locale_of(interaction), everyone=manages)
        await interaction.followup.send(embed=embed, file=file, ephemeral=True)

    async def on_call_started(self, call: Call) -> None:
        """People must know that they are heard: what Discord does not take now is tried again while the call lasts."""
        announcing = self._announcing[call.id] = self.tasks.create(self._announce(call), f"announcing call {call.id}")
        await asyncio.wait({announcing}, timeout=ANNOUNCE_TIMEOUT)

    async def _announce(self, call: Call) -> None:
        ask_first = call.consent.ask_first
        channel, language = self.host.get_channel(call.text_channel_id), self.language(call.guild_id)
        if channel is not None and self.settings(call.guild_id).panel:
            self._panels[call.id] = Panel(call, channel, self._view(language, ask_first=ask_first), language)
        self._told[call.id] = set(call.channel.voice_states)
        if call.voice_channel_id != call.text_channel_id:  # where the people are
            text = messages.heard_here(call.voicebot_name, call.text_channel_id, ask_first=ask_first)
            there = call.voice_channel_id
            telling = self._until_taken(call, partial(self._say_in, there, call, text), there)
            self.tasks.create(telling, f"announcing call {call.id} in its channel")
        await self._until_taken(call, lambda: self._begin(call), vital=True)

    async def _until_taken(
        self, call: Call, tell: Callable[[], Awaitable[None]], where: int | None = None, *, vital: bool = False
    ) -> None:
        """What people must know is said again until Discord has taken it, while there is the call, and it is `where`
        the words say, if they do. `vital`: a call of which they can never be told ends."""
        pause, refused = RETRY_MIN, 0
        while True:
            try:
                await tell()
                return
            except DISCORD_FAILURES as error:
                log.error("call %s could not be announced, I try again: %s", call.id, error)
                lasting = isinstance(error, discord.HTTPException) and error.status in (400, 403, 404)
                refused = refused + 1 if lasting else 0
                if vital and refused >= MAX_REFUSALS:
                    call.end(EndReason.NOT_ANNOUNCED)
                    return
            except Exception:  # whatever it is, people are being heard
                log.exception("call %s could not be announced, I try again", call.id)
            await self.host.sleep(pause)
            pause = min(2 * pause, RETRY_MAX)
            over = self.host.calls.of_guild(call.guild_id) is not call or call.state is CallState.ENDING
            if over or where not in (None, call.voice_channel_id):
                return

    async def _begin(self, call: Call) -> None:
        ask_first = call.consent.ask_first
        text = messages.started(call.voicebot_name, call.voice_channel_id, call.starter_id, ask_first=ask_first)
        panel = self._panels.get(call.id)
        if panel is None:
            await self._post(call, text)
            return
        await panel.post(text)
        panel.keeper = self.tasks.create(panel.run(), f"panel of call {call.id}")

    async def on_call_moved(self, call: Call) -> None:
        """Told where words go, and in the chat of the channel where people are heard now."""
        now = call.voice_channel_id
        self._told[call.id] = set(call.channel.voice_states)
        text = messages.moved(call.voicebot_name, now, call.text_channel_id, ask_first=call.consent.ask_first)
        telling = [
            self.tasks.create(
                self._until_taken(call, partial(self._say_in, place, call, text), now), f"announcing call {call.id}"
            )
            for place in {call.text_channel_id, now}
        ]
        await asyncio.wait(telling, timeout=ANNOUNCE_TIMEOUT)

    async def _say_in(self, channel_id: int, call: Call, text: Text) -> None:
        try:
            await self._post(call, text, channel_id)
        except discord.Forbidden:  # a chat that the bot may not write into; the text channel is told of by the guards
            log.warning("call %s: I may not write into channel %d that I have moved", call.id, channel_id)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Whoever joins the channel of a running call is told that they are heard, once."""
        call = self.host.calls.of_guild(member.guild.id)
        if call is None or member.bot or after.channel is None or after.channel.id != call.voice_channel_id:
            return
        told = self._told.get(call.id)
        if told is None or member.id in told or not self.enabled(member.guild.id):
            return
        told.add(member.id)
        untold = self._untold.setdefault(call.id, [])
        untold.append(member.id)
        if len(untold) == 1:
            self.tasks.create(self._tell_newcomers(call), f"newcomers of call {call.id}")

    async def _tell_newcomers(self, call: Call) -> None:
        await self.host.sleep(JOINERS_WINDOW)
        newcomers = self._untold.pop(call.id, [])
        if newcomers and self.host.calls.of_guild(call.guild_id) is call:
            text = messages.newcomers(newcomers, call.voicebot_name, call.text_channel_id, call.consent.ask_first)
            try:
                await self._say_in(call.voice_channel_id, call, text)
            except DISCORD_FAILURES as error:
                log.warning("call %s: newcomers could not be told that they are heard: %s", call.id, error)

    async def on_handed_over(self, call: Call, before: int) -> None:
        """Tell the channel whose call it is now."""
        await self._post(call, messages.handed_over(before, call.host_id))

    async def on_speaking(self, call: Call, user_id: int, speaking: bool) -> None:
        """Show in the panel that somebody speaks."""
        if call.id in self._panels:
            self._panels[call.id].heard(user_id)

    async def on_agent_state(self, call: Call, state: str) -> None:
        """Show in the panel what the voicebot is doing."""
        if call.id in self._panels:
            self._panels[call.id].changed()

    async def on_warning(self, call: Call, text: str) -> None:
        """Show in the panel what is wrong."""
        if call.id in self._panels:
            self._panels[call.id].warn(text)
        await self._post(call, say("⚠️ {text}", text=text))

    async def on_notice(self, call: Call, text: str) -> None:
        """Take the warning out of the panel."""
        if call.id in self._panels:
            self._panels[call.id].warn(None)
        await self._post(call, say("✅ {text}", text=text))

    async def on_call_ended(self, receipt: Receipt) -> None:
        """End the panel and post the receipt."""
        announcing = self._announcing.pop(receipt.call_id, None)
        if announcing is not None:  # what Discord is just taking is a panel to be ended
            await asyncio.wait({announcing}, timeout=FINAL_ANNOUNCE_TIMEOUT)
            announcing.cancel()
        self._told.pop(receipt.call_id, None)
        self._untold.pop(receipt.call_id, None)
        panel = self._panels.pop(receipt.call_id, None)
        channel = self.host.get_channel(receipt.text_channel_id)
        try:
            if channel is None:
                log.warning("the receipt of session %s has no place to go: its channel is gone", receipt.call_id)
            else:
                await receipts.post_once(channel, receipt, self.language(receipt.guild_id))
        finally:  # in this order: a message opens an archived thread, an edit is refused there
            if panel is not None:
                ending = self.tasks.create(panel.end(receipt), f"end of the panel of {receipt.call_id}")
                await asyncio.wait({ending}, timeout=FINAL_PANEL_TIMEOUT)

    def _view(self, language: str, *, ask_first: bool = False) -> PanelButtons:
        label = messages.HEAR_ME if ask_first else messages.MUTE_ME
        return PanelButtons(self._leave, (label, self._mute_or_hear), self._details, self._is_over, language)

    def _is_over(self, guild_id: int, marker: str) -> bool:
        calls = self.host.calls
        running = (calls.of_guild(guild_id), calls.still_billed(guild_id))
        if not marker:  # a moderator has removed its embed
            return running == (None, None)
        return all(call is None or messages.panel_marker(call.id) != marker for call in running)

    async def _post(self, call: Call, text: Text, channel_id: int | None = None) -> None:
        """Where words go, or in another channel. Where words go no longer, people are told in their voice channel."""
        told = fit(text.to(self.language(call.guild_id)))
        channel = self.host.get_channel(channel_id or call.text_channel_id)
        if channel is None:  # deleted meanwhile, or the bot is no longer on the server
            return
        try:
            await channel.send(told)
        except (discord.Forbidden, discord.NotFound):
            beside = self.host.get_channel(call.voice_channel_id)
            if channel_id is not None or beside is None or call.voice_channel_id == call.text_channel_id:
                raise
            await beside.send(told)

    def _call(self, interaction: Interaction) -> Call:
        assert interaction.guild_id is not None
        call = self.host.calls.of_guild(interaction.guild_id)
        if call is None or call.state is CallState.ENDING:
            raise Refused(say("There is no call on this server. `/voicebot join` starts one."))
        return call


def _check_member(member: discord.Member, channel: discord.VoiceChannel) -> None:
    """What is said in a channel is written down: nobody may send the bot where they could not go themselves."""
    permissions = channel.permissions_for(member)
    if not (permissions.view_channel and permissions.connect):
        raise Refused(say("You may not join that voice channel yourself, so I do not join it for you."))
    if not humans_in(channel):
        raise Refused(say("There is nobody in {channel} to talk with. Join it first.", channel=channel.mention))


def _check_there(member: discord.Member, channel: discord.VoiceChannel) -> None:
    """Nobody has others listened to in a channel where they are not themselves, unless they may manage the server."""
    there = member.voice is not None and member.voice.channel is not None and member.voice.channel.id == channel.id
    if not there and not member.guild_permissions.manage_guild:
        raise Refused(
            say("Join {channel} yourself first: what is said there is heard and written down.", channel=channel.mention)
        )


def _channel_of(member: discord.Member) -> discord.VoiceChannel:
    channel = None if member.voice is None else member.voice.channel
    if channel is None:
        raise Refused(say("Join a voice channel first, or name one: `/voicebot join channel:`."))
    if not isinstance(channel, discord.VoiceChannel):
        # On a stage a bot stays mute until a moderator makes it a speaker; nobody should pay for that.
        raise Refused(say("I cannot talk on a stage. Join an ordinary voice channel instead."))
    return channel
