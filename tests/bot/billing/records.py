"""Records, a ledger in memory and a provider that does as it is told, for tests of what has to do with money."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bot.billing.ledger import SessionRecord
from bot.provider import Account, SessionEnd, VoicebotSession

ACCOUNT = Account("VALSEA_API_KEY", "https://api.valsea.ai")


def record(identifier: str = "s1", **changes: Any) -> SessionRecord:
    values: dict[str, Any] = {
        "id": identifier,
        "provider": "valsea",
        "account": ACCOUNT,
        "guild_id": 1,
        "voice_channel_id": 2,
        "text_channel_id": 3,
        "starter_id": 4,
        "voicebot": "66f0",
        "intended_at": 1000.0,
    }
    return SessionRecord(**{**values, **changes})


class ScriptedProvider:
    """Each request raises the next of `failures`, or succeeds when there is none left."""

    title = "Valsea"
    account = ACCOUNT

    def __init__(self, *failures: Exception, answer_timeout: float = 5.0, gate: asyncio.Event | None = None) -> None:
        self.failures = list(failures)
        self.answer_timeout = answer_timeout
        self.gate = gate
        self.opened = 0
        self.end_attempts: list[str] = []
        self.end_result = SessionEnd()
        self.before_end: Callable[[], Awaitable[None]] | None = None

    async def open_session(self, voicebot: str, participant: str) -> VoicebotSession:
        self.opened += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return VoicebotSession("room-1", "wss://livekit", "token", voicebot_name="Guide")

    async def end_session(self, reference: str) -> SessionEnd:
        self.end_attempts.append(reference)
        if self.before_end is not None:
            await self.before_end()
        if self.failures:
            raise self.failures.pop(0)
        return self.end_result
