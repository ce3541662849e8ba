"""The live message of a call: how it is going, who is heard, what it costs, and buttons for what people do most.

It is edited when something has changed, and seldom: Discord allows five edits in five seconds for a whole channel. Its
buttons outlive the bot: their ids are always the same, and whatever run of the bot hears a click looks for the call.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.api import DISCORD_FAILURES, Call, CallState, Receipt, Text, in_language, safe_name, say

from . import messages
from .interactions import Interaction, locale_of

log = logging.getLogger(__name__)

Action = Callable[[Interaction], Awaitable[None]]

#: Seconds between two edits, at least.
REFRESH_INTERVAL = 5.0
#: Seconds after which a fresh message takes its place: Discord limits edits of messages that are older than an hour.
REPLACE_AFTER = 50 * 60.0
#: "Maximum number of edits to messages older than 1 hour reached", JSON error code of Discord's.
TOO_OLD = 30046
MAX_NAMES = 12
_COLOURS = {CallState.LIVE: 0x3BA55D, CallState.RECONNECTING: 0xFAA61A, CallState.ENDING: 0x747F8D}


class PanelButtons(discord.ui.View):
    """Leave, Mute me for the bot (or Hear me, where people are asked first), Details."""

    def __init__(
        self,
        leave: Action,
        mute: tuple[Text, Action],
        details: Action,
        is_over: Callable[[int, str], bool],
        language: str,
    ) -> None:
        """`mute` comes with its label. `is_over` is asked with a server and what marks a panel."""
        super().__init__(timeout=None)
        for identifier, label, style, action in (
            ("leave", say("Leave"), discord.ButtonStyle.danger, leave),
            ("mute", mute[0], discord.ButtonStyle.secondary, mute[1]),
            ("details", say("Details"), discord.ButtonStyle.secondary, details),
        ):
            button: discord.ui.Button[PanelButtons] = discord.ui.Button(
                custom_id=f"parley:{identifier}", label=label.to(language), style=style
            )
            button.callback = action  # type: ignore[method-assign, assignment]
            self.add_item(button)
        self._is_over = is_over

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Return whether a click is for a call that goes on; a panel that a crash has left behind loses its buttons."""
        assert interaction.message is not None
        if not self._is_over(interaction.guild_id or 0, marker_of(interaction.message)):
            return True
        await interaction.response.edit_message(view=None)
        text = say("This call is over.").to(locale_of(interaction))
        await interaction.followup.send(text, ephemeral=True)
        return False

    async def on_error(self, interaction: Interaction, error: Exception, _: Any, /) -> None:
        """Explain what went wrong as for a command."""
        await interaction.client.explain_error(interaction, error)


class Panel:
    """One call's message. `changed` may be called at any time; `run` edits it until it is cancelled."""

    def __init__(self, call: Call, channel: Any, buttons: PanelButtons, language: str) -> None:
        self._call = call
        self._channel = channel
        self._buttons = buttons
        self._language = language
        self._message: Any = None
        #: The task that runs `run`; it ends with the panel.
        self.keeper: asyncio.Task[None] | None = None
        self._heard: dict[int, None] = {}  # user ids, in the order in which they were heard first
        self._warning: str | None = None
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._shown: Any = None
        self._text: Text | None = None
        self._posted_at = 0.0  # by the loop's time
        self._number = 0  # of messages so far

    async def post(self, text: Text) -> None:
        """Post it, below what everybody must know; discord.HTTPException."""
        embed = self._embed()
        self._shown = embed.to_dict()
        # Discord posts what has a nonce once, however often it is sent because an answer was lost.
        nonce = f"panel-{self._call.id}" + (f"-{self._number}" if self._number else "")
        self._message = await self._channel.send(text.to(self._language), embed=embed, view=self._buttons, nonce=nonce)
        self._text = text
        self._posted_at = asyncio.get_running_loop().time()
        self._number += 1

    async def _post_afresh(self) -> None:
        """Post the panel anew, below what was written since; the one before keeps its text, without buttons."""
        before, text = self._message, self._text
        if text is None:
            return
        try:
            await self.post(text)
            await before.edit(view=None)
        except DISCORD_FAILURES as error:
            log.info("call %s: the panel could not be renewed: %s", self._call.id, error)

    def heard(self, user_id: int) -> None:
        """Note that somebody spoke just now."""
        if user_id not in self._heard:
            self._heard[user_id] = None
            self._dirty.set()

    def warn(self, text: str | None) -> None:
        """Show what is wrong with the call; None removes the warning."""
        self._warning = text
        self._dirty.set()

    def changed(self) -> None:
        """Note that the panel must be updated."""
        self._dirty.set()

    async def run(self) -> None:
        """Show what has changed, now and then; the cost changes by itself."""
        while self._message is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(REFRESH_INTERVAL, 60 - self._call.elapsed % 60)):
                    await self._dirty.wait()
            self._dirty.clear()
            async with self._writing:
                if asyncio.get_running_loop().time() - self._posted_at > REPLACE_AFTER:
                    await self._post_afresh()
                else:
                    await self._edit(self._embed())
            await asyncio.sleep(REFRESH_INTERVAL)

    async def end(self, receipt: Receipt) -> None:
        """Edit it for the last time: the buttons go, those of a message that Discord is just taking, too."""
        async with self._writing:
            if self.keeper is not None:
                self.keeper.cancel()
            self._buttons.stop()
            if self._message is not None:
                await self._edit(ended(self._embed(), receipt, self._language), view=None)

    async def _edit(self, embed: discord.Embed, **changes: Any) -> None:
        shown = embed.to_dict()
        if shown == self._shown and not changes:
            return
        try:
            await self._message.edit(embed=embed, **changes)
            self._shown = shown
        except discord.NotFound:  # somebody deleted it: they do not want it
            self._message = None
        except DISCORD_FAILURES as error:
            log.info("call %s: the panel could not be edited: %s", self._call.id, error)
            if isinstance(error, discord.HTTPException) and error.code == TOO_OLD:
                self._posted_at = -REPLACE_AFTER

    def _embed(self) -> discord.Embed:
        call, language = self._call, self._language
        embed = discord.Embed(title=safe_name(call.voicebot_name), colour=_COLOURS.get(call.state, messages.END_COLOUR))
        embed.set_footer(text=messages.panel_marker(call.id))
        embed.add_field(name=say("State").to(language), value=say(call.state.value).to(language))
        # Discord counts this one up by itself, on everybody's screen.
        embed.add_field(name=say("Started").to(language), value=discord.utils.format_dt(call.started_at, "R"))
        minutes = say("about {minutes}", minutes=call.billed_minutes).to(language)
        embed.add_field(name=say("Billed minutes").to(language), value=minutes)
        embed.add_field(name=say("Heard so far").to(language), value=self._names(), inline=False)
        if refused := call.consent.refused:
            names = ", ".join(f"<@{user_id}>" for user_id in refused[:MAX_NAMES])
            embed.add_field(name=say("Not heard, by their choice").to(language), value=names, inline=False)
        if self._warning is not None:
            embed.add_field(
                name=say("Last warning").to(language), value=in_language(self._warning, language)[:1024], inline=False
            )
        return embed

    def _names(self) -> str:
        heard = [f"<@{user_id}>" for user_id in self._heard if self._call.consent.allows(user_id)]
        if len(heard) > MAX_NAMES:
            more = say("and {count} more", count=len(heard) - MAX_NAMES).to(self._language)
            heard = [*heard[:MAX_NAMES], more]
        return ", ".join(heard) or say("nobody yet").to(self._language)


def marker_of(message: discord.Message) -> str:
    """Return what marks a message as the panel of one call; empty for others."""
    return next((embed.footer.text or "" for embed in message.embeds), "")


def ended(embed: discord.Embed, receipt: Receipt, language: str) -> discord.Embed:
    """Return the panel of a call that is over."""
    embed.colour = discord.Colour(messages.END_COLOUR)
    embed.set_field_at(0, name=say("State").to(language), value=say(CallState.ENDED.value).to(language))
    embed.set_field_at(1, name=say("Duration").to(language), value=messages.duration(receipt.duration))
    embed.set_field_at(2, name=say("Billed minutes").to(language), value=messages.billed(receipt).to(language))
    return embed
