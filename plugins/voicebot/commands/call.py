"""A call from the side of the people in it: they start it, end it, ask how it goes, and say whether they are heard."""

from collections.abc import Callable
from datetime import UTC, datetime

import discord
from discord import app_commands

from bot.api import (
    Call,
    CallRequest,
    CallState,
    EndReason,
    Host,
    Refused,
    Starter,
    check_start,
    check_stop,
    fit,
    resolve_voicebot,
    say,
)

from .. import messages
from ..interactions import Interaction, guild_and_member, locale_of, may_look
from .channels import JOIN_OR_NAME, check_member, check_there, voice_channel_of
from .cooldown import rate_limited


class CallCommands(app_commands.Group):
    """Starts calls, ends them, and tells how they go."""

    def __init__(self, host: Host, on_consent: Callable[[Call], None]) -> None:
        """`on_consent` is called when somebody has said whether they want to be heard."""
        super().__init__(name="call", description="Mounted under its parent")
        self._host = host
        self._on_consent = on_consent

    @app_commands.command(name="join", description="Bring the voicebot into a voice channel")
    @rate_limited
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
        settings = self._host.config.server(guild.id)
        check_start(member, settings.access)
        target = channel or voice_channel_of(member, JOIN_OR_NAME)
        check_member(member, target)
        check_there(member, target)
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
        call = await self._host.calls.start(request, self._host.config)
        await interaction.followup.send(
            messages.joined(call.voicebot_name, target.id, ask_first=call.consent.ask_first).to(locale_of(interaction)),
            ephemeral=True,
        )

    @join.autocomplete("voicebot")
    async def _voicebots(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        if interaction.guild_id is None:
            return []
        names = self._host.config.server(interaction.guild_id).voicebots
        matching = [name for name in names if typed.casefold() in name.casefold()]
        return [app_commands.Choice(name=name[:100], value=name[:100]) for name in matching[:25]]

    @app_commands.command(name="leave", description="End the call")
    async def leave(self, interaction: Interaction) -> None:
        """End the call; the receipt follows in the channel."""
        await self.end_call(interaction)

    async def end_call(self, interaction: Interaction) -> None:
        """End the server's call, or its test, for somebody who may; the command and the panel's button do the same."""
        guild, member = guild_and_member(interaction)
        test = self._host.calls.test_of(guild.id)
        if test is not None:
            check_stop(member, self._host.config.server(guild.id).access, test.starter_id, test.starter_id)
            test.stop()
            await interaction.response.send_message(messages.LEAVING_TEST.to(locale_of(interaction)), ephemeral=True)
            return
        call = self._call(interaction)
        check_stop(member, call.settings.access, call.starter_id, call.host_id)
        call.end(EndReason.LEFT, by=interaction.user.id)  # before anything else: the meter runs
        await interaction.response.send_message(
            messages.leaving(call.voice_channel_id).to(locale_of(interaction)), ephemeral=True
        )

    @app_commands.command(name="mute", description="The voicebot no longer hears you in this call")
    async def mute(self, interaction: Interaction) -> None:
        """Take back consent: not a packet of this person's is decrypted from now on."""
        await self._set_consent(interaction, False)

    @app_commands.command(name="unmute", description="The voicebot hears you again")
    async def unmute(self, interaction: Interaction) -> None:
        """Give consent, for the first time or after `/voicebot mute`."""
        await self._set_consent(interaction, True)

    async def toggle_consent(self, interaction: Interaction) -> None:
        """Do what the panel's button says. A second click changes nothing, so that nobody is heard by mistake."""
        await self._set_consent(interaction, self._call(interaction).consent.ask_first)

    async def _set_consent(self, interaction: Interaction, given: bool) -> None:
        call = self._call(interaction)
        await call.set_consent(interaction.user.id, given)
        self._on_consent(call)
        told = messages.UNMUTED if given else messages.MUTED
        await interaction.response.send_message(told.to(locale_of(interaction)), ephemeral=True)

    @app_commands.command(name="status", description="How the call is going")
    @app_commands.describe(details="the numbers behind the sound: who is heard, losses, delays")
    async def status(self, interaction: Interaction, details: bool = False) -> None:
        """Tell the state, time and cost so far."""
        await self._status(interaction, details)

    async def show_details(self, interaction: Interaction) -> None:
        """Answer the panel's button as `/voicebot status details:` is answered."""
        await self._status(interaction, True)

    async def _status(self, interaction: Interaction, details: bool) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        assert interaction.guild_id is not None
        billed = self._host.calls.still_billed(interaction.guild_id)
        if billed is not None:
            await interaction.followup.send(messages.still_billed(billed).to(locale_of(interaction)), ephemeral=True)
            return
        call = self._call(interaction)
        _, member = guild_and_member(interaction)
        if details and not may_look(member, call.channel):
            raise Refused(say("You cannot see that voice channel, so I do not tell you who is in it."))
        starter = Starter(call.guild_id, call.starter_id, call.request.starter_roles)
        budgets = await self._host.calls.budgets(call.settings.limits, starter, datetime.now(UTC))
        sound = await call.sound_report()
        text = messages.status(call, sound, budgets, locale_of(interaction))
        if details:
            text += "\n" + messages.details(sound, call.turns, locale_of(interaction))
        await interaction.followup.send(fit(text), ephemeral=True)

    def _call(self, interaction: Interaction) -> Call:
        assert interaction.guild_id is not None
        call = self._host.calls.of_guild(interaction.guild_id)
        if call is None or call.state is CallState.ENDING:
            raise Refused(say("There is no call on this server. `/voicebot join` starts one."))
        return call
