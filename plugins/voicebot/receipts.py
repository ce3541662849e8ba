"""Posts a receipt exactly once, whatever was posted before a crash.

Within minutes Discord itself drops a message with a nonce it has seen (`enforce_nonce`, Discord docs, Create Message).
For a session of an earlier run that may be too long ago, so the channel is read first.
"""

import logging
from datetime import timedelta
from typing import Any

import discord

from bot.api import Receipt

from . import messages
from .panel import ended, marker_of

log = logging.getLogger(__name__)

#: Messages read back at most, a hundred per request: a channel that is busier than that has buried a receipt anyway.
MAX_MESSAGES_READ = 1000
#: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
UNKNOWN_CHANNEL = 10003
#: How much Discord's clock may be behind ours.
MAX_CLOCK_SKEW = timedelta(minutes=1)


async def post_once(channel: Any, receipt: Receipt, language: str) -> None:
    """Post it, unless it stands there already; discord.HTTPException when Discord fails.

    The panel of a call that a crash has ended still says that the call is live, so it is updated, too.
    """
    if receipt.recovered and await _tidied_up(channel, receipt, language):
        return
    try:
        kind = "receipt" if receipt.reason is not None else "unknown"
        await channel.send(embed=messages.receipt(receipt, language), nonce=f"{kind}-{receipt.call_id}")
    except discord.NotFound as error:  # a refusal of now is not for ever, but a channel that is gone is
        if error.code not in (0, UNKNOWN_CHANNEL):
            raise
        log.warning("the receipt of session %s could not be posted: %s", receipt.call_id, error.text)


async def _tidied_up(channel: Any, receipt: Receipt, language: str) -> bool:
    """Tidy up what an earlier run has left of a call: end its panel, and return whether its receipt is there."""
    marker, panel = messages.session_marker(receipt), messages.panel_marker(receipt.call_id)
    since = receipt.started_at - MAX_CLOCK_SKEW
    found = False
    try:  # it can stand anywhere behind the start of the call, and is most likely among the last
        async for message in channel.history(limit=MAX_MESSAGES_READ, after=since, oldest_first=False):
            if message.author.id != channel.guild.me.id:
                continue
            found = found or any(embed.footer.text == marker for embed in message.embeds)
            if message.components and marker_of(message) == panel:
                await _end(message, receipt, language)
                break  # it was the first of the call
    except (discord.Forbidden, discord.NotFound):
        log.info("no permission to read the channel; the receipt of session %s may be there twice", receipt.call_id)
    return found


async def _end(panel: discord.Message, receipt: Receipt, language: str) -> None:
    """End a panel if that works, since the receipt matters more."""
    try:
        await panel.edit(embed=ended(panel.embeds[0], receipt, language), view=None)
    except discord.HTTPException as error:
        log.info("the panel of session %s could not be edited: %s", receipt.call_id, error.text)
