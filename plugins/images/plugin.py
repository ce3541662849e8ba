"""One embed per showing: the session's own pictures first, the voicebot's library when they are not enough."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import discord

from bot.call.call import Call
from bot.call.events import Receipt
from bot.config.model import PluginSettings
from bot.errors import ProviderError
from bot.language import say
from bot.plugin_host.plugin import Host, Plugin
from bot.provider import ShownImage
from bot.text import clean, plain

from .resolve import is_postable, lookup

COLOUR = 0xEB459E
#: Seconds within which the same picture again is the same showing: a voicebot may announce it in several ways.
SAME_SHOWING = 8.0


@dataclass(slots=True)
class _Shown:
    """What one call has shown so far."""

    library: Mapping[str, str] | None = None
    last: dict[str, float] = field(default_factory=dict)  # address -> monotonic time


class ImagesPlugin(Plugin[PluginSettings]):
    """Pictures in the channel."""

    name = "images"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._calls: dict[str, _Shown] = {}  # by call id

    async def on_image(self, call: Call, image: ShownImage) -> None:
        shown = self._calls.setdefault(call.id, _Shown())
        channel = self.host.get_channel(call.text_channel_id)
        if channel is None:
            return
        try:
            url = await self._address(call, shown, image)
            reason = say("there is none by that name") if url is None else say("its address cannot be shown")
        except ProviderError:
            url, reason = None, say("its library cannot be read just now")
        if url is None or not is_postable(url):
            what = f"“{plain(image.key)[:80]}”" if image.key else say("a picture")
            text = say("The voicebot wanted to show {what}, but {reason}.", what=what, reason=reason)
            await channel.send(f"*{text.to(self.language(call.guild_id))}*", suppress_embeds=True)
            return
        now = time.monotonic()
        before = shown.last.get(url)
        if before is not None and now - before < SAME_SHOWING:
            return
        shown.last[url] = now
        embed = discord.Embed(colour=COLOUR).set_image(url=url)
        if image.key:
            embed.title = caption(image.key)
        try:
            await channel.send(embed=embed)
        except BaseException:
            shown.last.pop(url, None)  # nobody has seen it: the next announcement counts
            raise

    async def on_call_ended(self, receipt: Receipt) -> None:
        self._calls.pop(receipt.session_id, None)

    async def _address(self, call: Call, shown: _Shown, image: ShownImage) -> str | None:
        if image.url is not None:
            return image.url
        assert image.key is not None
        session = {} if call.session is None else call.session.images
        found = lookup(session, image.key)
        if found is None:
            if shown.library is None:
                shown.library = await call.provider.image_library(call.voicebot)
            found = lookup(shown.library, image.key)
        return found


def caption(key: str) -> str:
    """A key as people read it: `floor_plan` is "Floor plan"."""
    words = clean(key.replace("_", " ").replace("-", " "))
    return (words[:1].upper() + words[1:])[:256]
