"""`/voicebot doctor` and `/voicebot test`: why somebody is not heard, found out without a session."""

from discord import app_commands

from bot.api import Host, check_start, fit

from ..diagnosis import checks
from ..interactions import Interaction, guild_and_member
from .channels import JOIN, check_member, voice_channel_of
from .cooldown import rate_limited


class DoctorCommands(app_commands.Group):
    """Looks for what is wrong, at no cost."""

    def __init__(self, host: Host) -> None:
        super().__init__(name="diagnosis", description="Mounted under its parent")
        self._host = host

    @app_commands.command(name="doctor", description="Why somebody is not heard, or a call cannot begin")
    @rate_limited
    async def doctor(self, interaction: Interaction) -> None:
        """Tell what can be found out without a session, and what a running call knows."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        text = await checks.doctor(self._host, interaction)
        await interaction.followup.send(fit(text), ephemeral=True)

    @app_commands.command(name="test", description="Hear yourself in your voice channel; no voicebot, no cost")
    @rate_limited
    async def test(self, interaction: Interaction) -> None:
        """Play back what people say: no session is opened, nothing is billed."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        _, member = guild_and_member(interaction)
        check_start(member, self._host.config.server(member.guild.id).access)
        channel = voice_channel_of(member, JOIN)
        check_member(member, channel)
        await checks.test(self._host, interaction, channel)
