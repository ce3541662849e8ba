"""One embed per showing: the session's own pictures first, the voicebot's library when they are not enough."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import discord

from bot.api import (
    Call,
    Host,
    Plugin,
    PluginSettings,
    ProviderError,
    Receipt,
    ShownImage,
    clean,
    is_postable,
    plain,
    say,
)

from .resolve import lookup

COLOUR = 0xEB459E
#: Seconds within which the same picture again is the same showing: a voicebot may announce it in several ways.
SAME_SHOWING_SECONDS = 8.0


@dataclass(slots=True)
class _Shown:
    """What one call has shown so far."""

    library: Mapping[str, str] | None = None
    last: dict[str, float] = field(default_factory=dict)  # address, or key of what has none -> monotonic time


class ImagesPlugin(Plugin[PluginSettings]):
    """Posts the voicebot's pictures into the text channel."""

    name = "images"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._calls: dict[str, _Shown] = {}  # by call id

    async def on_image(self, call: Call, image: ShownImage) -> None:
        """Post a picture, once for each showing, or say why it cannot be shown."""
        shown = self._calls.setdefault(call.id, _Shown())
        channel = self.host.get_channel(call.text_channel_id)
        if channel is None:
            return
        try:
            url = await self._address(call, shown, image)
            reason = say("there is no picture with that name") if url is None else say("its address cannot be shown")
        except ProviderError:
            url, reason = None, say("its library cannot be read just now")
        what, now = url or image.key or "", time.monotonic()
        before = shown.last.get(what)
        if before is not None and now - before < SAME_SHOWING_SECONDS:
            return
        shown.last[what] = now
        try:
            if url is not None and is_postable(url):
                await channel.send(embed=_picture(url, image.key))
            else:
                name = f"“{plain(image.key)[:80]}”" if image.key else say("a picture")
                text = say("The voicebot wanted to show {what}, but {reason}.", what=name, reason=reason)
                await channel.send(f"*{text.to(self.language(call.guild_id))}*", suppress_embeds=True)
        except BaseException:
            shown.last.pop(what, None)  # nobody has seen it: the next announcement counts
            raise

    async def on_call_ended(self, receipt: Receipt) -> None:
        """Forget which pictures the call has shown."""
        self._calls.pop(receipt.call_id, None)

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


def _picture(url: str, key: str | None) -> discord.Embed:
    return discord.Embed(colour=COLOUR, title=caption(key) if key else None).set_image(url=url)


def caption(key: str) -> str:
    """Return a key as people read it: `floor_plan` is "Floor plan"."""
    words = clean(key.replace("_", " ").replace("-", " "))
    return (words[:1].upper() + words[1:])[:256]
