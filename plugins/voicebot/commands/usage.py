"""`/voicebot usage`: what calls have cost on a server."""

import io
from datetime import datetime
from zoneinfo import ZoneInfo

import discord
from discord import app_commands

from bot.api import Host, Period, as_csv, span

from .. import messages
from ..interactions import Interaction, guild_and_member, locale_of
from .cooldown import locally_limited


class UsageCommands(app_commands.Group):
    """Tells what calls have cost."""

    def __init__(self, host: Host) -> None:
        super().__init__(name="cost", description="Mounted under its parent")
        self._host = host

    @app_commands.command(name="usage", description="What calls have cost on this server")
    @locally_limited
    @app_commands.describe(period="else this month", export="attach every call as a CSV file")
    @app_commands.choices(period=[app_commands.Choice(name=p.value, value=p.name) for p in Period])
    async def usage(self, interaction: Interaction, period: str = Period.THIS_MONTH.name, export: bool = False) -> None:
        """Tell the totals; people who may not manage the server see the server's total and their own part."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        guild, member = guild_and_member(interaction)
        local = datetime.now(ZoneInfo(self._host.config.server(guild.id).limits.time_zone))
        start, end = span(Period[period], local)
        records = await self._host.calls.history(start, end, guild.id)
        manages = member.guild_permissions.manage_guild
        shown = records if manages else [r for r in records if r.starter_id == member.id]
        file: discord.File = discord.utils.MISSING
        if export:
            content = as_csv(shown, local).encode()
            file = discord.File(io.BytesIO(content), f"calls-{Period[period].value.replace(' ', '-')}.csv")
        embed = messages.usage(Period[period], records, shown, local, locale_of(interaction), everyone=manages)
        await interaction.followup.send(embed=embed, file=file, ephemeral=True)
