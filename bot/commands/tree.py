"""The tree of slash commands: it refuses the commands of plugins that are off, and explains errors in the others."""

from typing import Any

import discord
from discord import app_commands

from .errors import explain


class CommandTree(app_commands.CommandTree[Any]):
    """Turns what goes wrong in a command into one private message with the way out. Its client has `plugins`."""

    client: Any

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Return whether a command may run; discord.py asks before each one, however it was made."""
        if interaction.guild_id is None or interaction.command is None:
            return True
        off = self.client.plugins.switched_off(interaction.command, interaction.guild_id)
        if off is not None and interaction.type is not discord.InteractionType.autocomplete:  # which takes no words
            raise off
        return off is None

    async def on_error(self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError, /) -> None:
        """Explain what a command or one of its checks has raised, when discord.py calls this."""
        # As discord.py's own `on_error` asks: whoever made the command answers in their own words.
        if interaction.command is not None and interaction.command._has_any_error_handlers():
            return
        await explain(interaction, error.original if isinstance(error, app_commands.CommandInvokeError) else error)
