"""Who asked, in which language, and where."""

from typing import Any

import discord

from bot.errors import Refused
from bot.language import say, spoken

Interaction = discord.Interaction[Any]


def theirs(interaction: Interaction) -> str:
    """The language of who asked."""
    return spoken(interaction.locale)


def where(interaction: Interaction) -> tuple[discord.Guild, discord.Member]:
    """The server and the member; Refused elsewhere."""
    if interaction.guild is None or not isinstance(interaction.user, discord.Member):
        raise Refused(say("This works on a server only."))
    return interaction.guild, interaction.user
