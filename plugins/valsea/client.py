"""Valsea's session API over httpx: open, end, messages, pictures.

Source: https://valsea.ai/docs/api/voicebot-livekit. A POST bills at once and has no idempotency key: it is repeated
only when it certainly never left this machine. The API key goes to the configured address and nowhere else.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from bot.errors import BadAnswer, OutcomeUnknown, ProviderDown, ProviderError
from bot.language import say
from bot.provider import Account, RoomMessage, SessionEnd, StoredMessage, VoicebotSession

from . import answers, packets
from .refusals import is_html, read_json, refusal
from .settings import ValseaSettings

log = logging.getLogger(__name__)

CONNECT_ATTEMPTS = 3
PAGE = 50
MAX_PAGES = 200
#: Seconds to listen for the answer to a POST. People are told long before, but only the answer names what to end.
LATE_ANSWER = 600.0

#: Answers to a POST that say that nothing was done: not implemented, and not available. Any other 5xx, and a 408, may
#: come from something in front of the API that lost patience (502, 504, Cloudflare's 520 to 530) after the API acted.
_DID_NOTHING = (501, 503)
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ValseaClient:
    """One Valsea account. Implements `bot.provider.Provider`."""

    title = "Valsea"

    def __init__(self, settings: ValseaSettings, api_key: str, tls: ssl.SSLContext) -> None:
        self.account = Account(settings.api_key_env, settings.base_url)
        self.patience = settings.timeout
        self._settings = settings
        self._key = api_key
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, 10)),
            verify=tls,
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def open_session(self, voicebot: str, participant: str) -> VoicebotSession:
        """POST: billed from its answer on."""
        body = {"voicebotId": voicebot, "participantName": participant}
        try:
            response = await self._send(
                "POST", self._settings.session_path, json=body, timeout=httpx.Timeout(LATE_ANSWER, connect=10)
            )
        except httpx.RequestError as error:
            raise OutcomeUnknown(
                f"no answer to the POST of a session: {type(error).__name__}",
                for_user=say(
                    "Valsea did not answer. It may have opened a session all the same, so I did not try "
                    "again: check the usage at valsea.ai before you do."
                ),
            ) from error
        status = response.status_code
        if (status >= 500 and status not in _DID_NOTHING) or status == 408:
            raise OutcomeUnknown(
                f"HTTP {status} to the POST of a session",
                for_user=say(
                    "Valsea has a problem of its own (error {status}). It may have opened a session all the "
                    "same: check the usage at valsea.ai before you try again.",
                    status=status,
                ),
            )
        if not response.is_success:
            raise self._refusal(response)
        return answers.session(read_json(response))

    async def end_session(self, reference: str) -> SessionEnd:
        """DELETE: 2xx, or the API's own 404, is the end. A web page's 404 is a wrong address and is not."""
        path = self._settings.end_path.format(room=quote(reference, safe=""))
        try:
            response = await self._send("DELETE", path)
        except httpx.RequestError as error:
            raise ProviderDown(f"no answer to the DELETE of a session: {type(error).__name__}") from error
        if response.is_success:
            return SessionEnd(credits=answers.credits_used(response))
        if response.status_code == 404 and not is_html(response):
            return SessionEnd(already_gone=True)
        raise self._refusal(response)

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """GET: all pictures of a voicebot."""
        path = self._settings.library_path.format(voicebot=quote(voicebot, safe=""))
        return answers.image_mappings(await self._get(path))

    async def messages(self, reference: str) -> Sequence[StoredMessage]:
        """GET, page by page, until a page brings nothing new. A page may hold less than was asked for."""
        path = self._settings.messages_path.format(room=quote(reference, safe=""))
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        while len(found) < MAX_PAGES * PAGE:
            entries = answers.page(await self._get(path, {"limit": PAGE, "offset": len(found)}))
            identities = {answers.identity(entry) for entry in entries}
            if not identities - seen:
                break
            seen |= identities
            found += entries  # all of them: what was said twice is there twice
        return answers.messages(found)

    def read_packet(self, payload: bytes) -> Sequence[RoomMessage]:
        return packets.read_packet(payload)

    async def _get(self, path: str, query: dict[str, int] | None = None) -> Any:
        try:
            response = await self._send("GET", path, params=query)
        except httpx.RequestError as error:
            raise ProviderDown(f"no answer from Valsea: {type(error).__name__}") from error
        if not response.is_success:
            raise self._refusal(response)
        body = read_json(response)
        if body is None:
            raise BadAnswer("the answer is not JSON")
        return body

    def _refusal(self, response: httpx.Response) -> ProviderError:
        return refusal(response, self._key)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; repeated only while no connection could be made, so that nothing was sent yet."""
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                return await self._http.request(method, path, **options)
            except _NEVER_LEFT as error:
                if attempt == CONNECT_ATTEMPTS:
                    raise ProviderDown(
                        f"cannot connect: {type(error).__name__}",
                        for_user=say("Valsea cannot be reached. Is the bot's machine online? Try again in a minute."),
                    ) from error
                await asyncio.sleep(random.uniform(0, 0.3 * 2**attempt))
        raise AssertionError("unreachable")
