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
