"""Requests that show what Valsea's documentation leaves open, while a session is open. None of them costs anything.

What they are answered stands in the flight record, and `contract` judges it.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

from bot.api import ParleyError, httpx

from .settings import ValseaSettings

log = logging.getLogger(__name__)

#: Where the stored transcript may be, the likeliest first; the configured path is asked before them.
MESSAGES_PATHS = (
    "/v1/voicebot-livekit/session/{room}/messages",
    "/v1/voicebot-livekit/session/{room}/transcript",
    "/v1/voicebot-livekit/session/{room}/transcripts",
    "/v1/voicebot-livekit/session/{room}/history",
    "/v1/voicebot-livekit/sessions/{room}/messages",
    "/v1/voicebot-livekit/messages/{room}",
    "/v1/sessions/{room}/messages",
)
#: A voicebot's own description, which Parley does not need.
PROFILE_PATH = "/v1/voicebots/{voicebot}"
#: What is no key and no voicebot of anybody.
WRONG_KEY, WRONG_VOICEBOT = "parley-live-check", "0" * 24


class Send(Protocol):
    """Makes one request to the API, with its key."""

    async def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer, whatever its status; httpx.RequestError or ProviderError when there is none."""
        ...


async def probe(send: Send, settings: ValseaSettings, room: str, voicebot: str, begin: Callable[[str], None]) -> None:
    """Make the requests. `begin` is told the name of each group of them before it."""
    begin("messages")
    for template in dict.fromkeys((settings.messages_path, *MESSAGES_PATHS)):
        answer = await _ask(send, template.format(room=quote(room, safe="")), params={"limit": 50, "offset": 0})
        if answer is not None and answer.is_success and "json" in answer.headers.get("content-type", ""):
            break
    begin("profile")
    await _ask(send, PROFILE_PATH.format(voicebot=quote(voicebot, safe="")))
    begin("key")
    headers = {"Authorization": f"Bearer {WRONG_KEY}"}
    await _ask(send, settings.library_path.format(voicebot=quote(voicebot, safe="")), headers=headers)
    begin("voicebot")
    await _ask(send, settings.library_path.format(voicebot=WRONG_VOICEBOT))


async def _ask(send: Send, path: str, **options: Any) -> httpx.Response | None:
    try:
        return await send("GET", path, **options)
    except (httpx.RequestError, ParleyError) as error:  # which the record has
        log.info("no answer to a probe: %s", type(error).__name__)
        return None
