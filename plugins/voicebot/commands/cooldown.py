"""How often somebody may use the commands that cost somebody something: Discord, the provider, or this machine."""

from typing import Any

import discord
from discord import app_commands

#: Seconds, and how often somebody may use such commands in them, all of them counted together.
COMMAND_COOLDOWN, MAX_COMMANDS = 30.0, 5
#: The same for commands that read the ledger or check the whole config: admins change several settings in a row.
LOCAL_COOLDOWN, MAX_LOCAL_COMMANDS = 60.0, 20


def _of_member(interaction: discord.Interaction[Any]) -> tuple[int | None, int]:
    return interaction.guild_id, interaction.user.id


rate_limited = app_commands.checks.cooldown(MAX_COMMANDS, COMMAND_COOLDOWN, key=_of_member)
locally_limited = app_commands.checks.cooldown(MAX_LOCAL_COMMANDS, LOCAL_COOLDOWN, key=_of_member)
