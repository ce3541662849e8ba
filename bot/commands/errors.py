"""What somebody is told of an error in the command they typed."""

import logging
import math
from typing import Any

import aiohttp
import discord
from discord import app_commands

from bot.discord_errors import DISCORD_FAILURES
from bot.errors import ParleyError
from bot.language import in_language, say, say_n, spoken
from bot.plugin_host.plugin import CommandRefused
from bot.text import fit

log = logging.getLogger(__name__)


def is_refusal(error: Exception) -> bool:
    """Return whether an error is a refusal, and nothing is wrong with the command."""
    return isinstance(error, ParleyError | app_commands.CheckFailure)


def explained(cause: Exception) -> str:
    """Return what people are told about an error and what they can do; errors other than refusals are logged."""
    if isinstance(cause, ParleyError | CommandRefused):
        return cause.for_user
    if isinstance(cause, app_commands.CommandOnCooldown):
        return say_n(
            "Not so fast: try again in {count} second.",
            "Not so fast: try again in {count} seconds.",
            count=math.ceil(cause.retry_after),
        )
    if isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return say("This command has changed since Discord showed it to you. Type it again in a minute.")
    if isinstance(cause, app_commands.CheckFailure):
        return say("You may not use this command here.")
    if isinstance(cause, aiohttp.ClientError | OSError):  # Discord, or the network, in the middle of an answer
        log.warning("a command could not be answered: %s", cause)
    else:
        log.error("command failed", exc_info=cause)
    return say("Something went wrong inside the bot. Its operator's log says what.")


async def explain(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Tell somebody privately what went wrong with what they asked for, in their language."""
    text = fit(in_language(explained(error), spoken(interaction.locale)))
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except DISCORD_FAILURES as failure:
        log.warning("the answer to a command could not be delivered: %s", failure)
