"""One message per final line: people under their names, the voicebot under its own with its picture."""

import discord
from pydantic import Field

from bot.call.call import Call
from bot.call.events import Receipt, TranscriptLine
from bot.config.model import PluginSettings
from bot.language import say, say_n
from bot.plugin_host.plugin import Host, Plugin
from bot.public_address import is_postable
from bot.text import MESSAGE_LIMIT, plain, split
from bot.text import name as safe_name

MOST_NAMES = 5  # speakers named before a line
EMBED_LIMIT = 4096  # characters of an embed's description
VOICEBOT_COLOUR = 0x5865F2


class TranscriptSettings(PluginSettings):
    """What is written down."""

    people: bool = Field(True, description="write what people say")
    voicebot: bool = Field(True, description="write what the voicebot says")


class TranscriptPlugin(Plugin[TranscriptSettings]):
    """The transcript as it happens."""

    name = "transcript"
    Settings = TranscriptSettings
    vital = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._caught_up: set[str] = set()  # calls whose late lines have their heading

    async def on_transcript(self, call: Call, line: TranscriptLine) -> None:
        settings = self.settings(call.guild_id)
        if not line.final or not (settings.people if line.role == "user" else settings.voicebot):
            return
        channel = self.host.get_channel(call.text_channel_id)
        if channel is None:
            return
        if line.late and call.id not in self._caught_up:
            self._caught_up.add(call.id)
            text = say("Said during the call, and missing above:").to(self.language(call.guild_id))
            await channel.send(f"*{text}*")
        if line.role == "user":
            heading = f"**{self._who(call, line.speakers)}:** "
            pieces = split(plain(line.text), MESSAGE_LIMIT - len(heading))
            for piece in pieces:
                await channel.send(heading + piece, suppress_embeds=True)
            return
        for piece in split(plain(line.text), EMBED_LIMIT):
            await channel.send(embed=self._spoken_by_voicebot(call, piece))

    async def on_call_ended(self, receipt: Receipt) -> None:
        self._caught_up.discard(receipt.session_id)

    def _who(self, call: Call, speakers: tuple[int, ...]) -> str:
        """The names of those it may have been; nobody is guessed."""
        guild, language = self.host.get_guild(call.guild_id), self.language(call.guild_id)
        names = []
        for user_id in speakers:
            member = None if guild is None else guild.get_member(user_id)
            names.append(safe_name(member.display_name) if member is not None else f"<@{user_id}>")
        if len(names) > MOST_NAMES:
            more = say_n("{count} other", "{count} others", count=len(names) - MOST_NAMES)
            names = [*names[:MOST_NAMES], more.to(language)]
        return say(" and ").to(language).join(names) or say("Someone").to(language)

    @staticmethod
    def _spoken_by_voicebot(call: Call, text: str) -> discord.Embed:
        embed = discord.Embed(description=text, colour=VOICEBOT_COLOUR)
        avatar = None if call.session is None else call.session.avatar_url
        good = avatar is not None and is_postable(avatar)  # Discord would refuse the words with it
        embed.set_author(name=call.voicebot_name[:256], icon_url=avatar if good else None)
        return embed
