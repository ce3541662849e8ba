"""How often somebody may use the commands that cost Discord or the provider something."""

from discord import app_commands

#: Seconds, and how often somebody may use such commands in them, all of them counted together.
COMMAND_COOLDOWN, MAX_COMMANDS = 30.0, 5

rate_limited = app_commands.checks.cooldown(
    MAX_COMMANDS, COMMAND_COOLDOWN, key=lambda interaction: (interaction.guild_id, interaction.user.id)
)
