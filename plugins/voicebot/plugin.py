"""The voicebot's commands and what the channel reads of a call. Answers go to the person who asked; the channel reads
only what concerns everyone."""

import asyncio
import logging

import discord
from discord import app_commands
from discord.ext import commands
from pydantic import Field

from bot.api import ENGLISH, Call, Host, Plugin, PluginSettings, Receipt, say

from . import messages, receipts
from .announcing import Announcements
from .commands.call import CallCommands
from .commands.doctor import DoctorCommands
from .commands.plugins import PluginCommands
from .commands.settings import SettingsCommands
from .commands.setup import SetupCommands
from .commands.usage import UsageCommands
from .panel import Panel, PanelButtons
from .posting import Poster

log = logging.getLogger(__name__)

#: Seconds that the ending waits for the panel's last edit, for which Discord may make us wait much longer.
FINAL_PANEL_TIMEOUT = 3.0


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
        self._calls = CallCommands(host, self._on_consent)
        for group in (self._calls, SetupCommands(host, self.language), DoctorCommands(host), UsageCommands(host)):
            for command in group.commands:
                self.voicebot.add_command(command)
        self.voicebot.add_command(SettingsCommands(host))
        self.voicebot.add_command(PluginCommands(host, self.name))
        self._poster = Poster(host, self.language)
        self._announcements = Announcements(host, self._poster, self.tasks.create)
        self._panels: dict[str, Panel] = {}  # by call id

    async def on_load(self) -> None:
        """Make the buttons of every panel work from now on, those of an earlier run of the bot too."""
        # Never stopped: that would take its buttons from whichever instance has come in its place.
        self.host.add_view(self._view(ENGLISH))

    async def on_call_started(self, call: Call) -> None:
        """Tell people that they are heard, and post the panel."""
        channel, language = self.host.get_channel(call.text_channel_id), self.language(call.guild_id)
        if channel is not None and self.settings(call.guild_id).panel:
            view = self._view(language, ask_first=call.consent.ask_first)
            self._panels[call.id] = Panel(call, channel, view, language)
        await self._announcements.begin(call, lambda: self._begin(call))

    async def _begin(self, call: Call) -> None:
        ask_first = call.consent.ask_first
        text = messages.started(call.voicebot_name, call.voice_channel_id, call.starter_id, ask_first=ask_first)
        panel = self._panels.get(call.id)
        if panel is None:
            await self._poster.post(call, text)
            return
        await panel.post(text)
        panel.keeper = self.tasks.create(panel.run(), f"panel of call {call.id}")

    async def on_call_moved(self, call: Call) -> None:
        """Say where the call is now."""
        await self._announcements.moved(call)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Tell people who join the channel of a running call that they are heard."""
        call = self.host.calls.of_guild(member.guild.id)
        if call is None or member.bot or after.channel is None or after.channel.id != call.voice_channel_id:
            return
        if self.enabled(member.guild.id):
            self._announcements.joined(call, member.id)

    async def on_handed_over(self, call: Call, before: int) -> None:
        """Tell the channel who the call's host is now."""
        await self._poster.post(call, messages.handed_over(before, call.host_id))

    def _on_consent(self, call: Call) -> None:
        if call.id in self._panels:
            self._panels[call.id].changed()

    async def on_speaking(self, call: Call, user_id: int, speaking: bool) -> None:
        """Show in the panel that somebody speaks."""
        if call.id in self._panels:
            self._panels[call.id].heard(user_id)

    async def on_voicebot_state(self, call: Call, state: str) -> None:
        """Show in the panel what the voicebot is doing."""
        if call.id in self._panels:
            self._panels[call.id].changed()

    async def on_warning(self, call: Call, text: str) -> None:
        """Show in the panel what is wrong."""
        if call.id in self._panels:
            self._panels[call.id].warn(text)
        await self._poster.post(call, say("⚠️ {text}", text=text))

    async def on_notice(self, call: Call, text: str) -> None:
        """Take the warning out of the panel."""
        if call.id in self._panels:
            self._panels[call.id].warn(None)
        await self._poster.post(call, say("✅ {text}", text=text))

    async def on_call_ended(self, receipt: Receipt) -> None:
        """End the panel and post the receipt."""
        await self._announcements.end(receipt.call_id)  # what Discord is just taking is a panel to be ended
        panel = self._panels.pop(receipt.call_id, None)
        channel = self.host.get_channel(receipt.text_channel_id)
        try:
            if channel is None:
                log.warning("the receipt of session %s could not be posted: its channel is gone", receipt.call_id)
            else:
                await receipts.post_once(channel, receipt, self.language(receipt.guild_id))
        finally:  # in this order: a message opens an archived thread, an edit is refused there
            if panel is not None:
                ending = self.tasks.create(panel.end(receipt), f"end of the panel of {receipt.call_id}")
                await asyncio.wait({ending}, timeout=FINAL_PANEL_TIMEOUT)

    def _view(self, language: str, *, ask_first: bool = False) -> PanelButtons:
        label = messages.HEAR_ME if ask_first else messages.MUTE_ME
        calls = self._calls
        return PanelButtons(calls.end_call, (label, calls.toggle_consent), calls.show_details, self._is_over, language)

    def _is_over(self, guild_id: int, marker: str) -> bool:
        calls = self.host.calls
        running = (calls.of_guild(guild_id), calls.still_billed(guild_id))
        if not marker:  # a moderator has removed its embed
            return running == (None, None)
        return all(call is None or messages.panel_marker(call.id) != marker for call in running)
