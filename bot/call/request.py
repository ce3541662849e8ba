"""What a call is asked for with, and what the ledger knows of it before anything is opened."""

import time
from dataclasses import dataclass

from bot.access.voice_channel import VoiceChannel
from bot.billing.ledger import SessionRecord
from bot.config.model import ServerSettings
from bot.provider import Account


@dataclass(frozen=True, slots=True)
class CallRequest:
    """Who wants which voicebot, and where. `starter_roles` are role ids, for limits."""

    channel: VoiceChannel
    text_channel_id: int
    starter_id: int
    voicebot: str
    participant: str
    starter_roles: tuple[int, ...] = ()

    def intent(self, identifier: str, settings: ServerSettings, account: Account) -> SessionRecord:
        """Return the record of the session that is about to be asked for."""
        return SessionRecord(
            id=identifier,
            provider=settings.provider,
            account=account,
            guild_id=self.channel.guild.id,
            voice_channel_id=self.channel.id,
            text_channel_id=self.text_channel_id,
            starter_id=self.starter_id,
            voicebot=self.voicebot,
            voicebot_name=settings.voicebot_name,
            intended_at=time.time(),
        )


class Requested:
    """What follows of a call from its request, and from the voice channel that it is in now."""

    __slots__ = ()
    request: CallRequest

    @property
    def channel(self) -> VoiceChannel:
        """Where the bot is; it can be moved."""
        raise NotImplementedError

    @property
    def guild_id(self) -> int:
        """The id of the server it is on."""
        return self.request.channel.guild.id

    @property
    def voice_channel_id(self) -> int:
        """The id of the voice channel it is in now."""
        return self.channel.id

    @property
    def text_channel_id(self) -> int:
        """The id of the channel that reads what is said."""
        return self.request.text_channel_id

    @property
    def starter_id(self) -> int:
        """The id of the person who started it."""
        return self.request.starter_id

    @property
    def voicebot(self) -> str:
        """The provider's id of the voicebot in it."""
        return self.request.voicebot
