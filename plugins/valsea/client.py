"""Valsea's session API over httpx: open, end, messages, pictures.

Source: https://valsea.ai/docs/api/voicebot-livekit. A POST bills at once and has no idempotency key: it is repeated
only when it certainly never left this machine. The API key goes to the configured address and nowhere else.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bot.api import (
    Account,
    BadAnswer,
    Network,
    OutcomeUnknown,
    ProviderDown,
    ProviderError,
    RoomMessage,
    SessionEnd,
    StoredMessage,
    VoicebotSession,
    WrongAddress,
    httpx,
    key_fingerprint,
    say,
)

from . import answers, packets, probing
from .refusals import is_html, read_json, refusal
from .settings import ValseaSettings

log = logging.getLogger(__name__)

CONNECT_ATTEMPTS = 3
PAGE = 50
MAX_MESSAGES = 2000  # that are read of a transcript; more are compared with nothing
#: Seconds to listen for the answer to a POST. People are told long before, but only the answer names what to end.
LATE_ANSWER_SECONDS = 600.0

#: Answers to a POST that say that nothing was done: not implemented, and not available. Any other 5xx, and a 408, may
#: come from something in front of the API that gave up waiting (502, 504, Cloudflare's 520 to 530) after the API acted.
_DID_NOTHING = (501, 503)
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
#: The request cannot be made at all, now or later.
_CANNOT_BE_MADE = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError)
#: Bytes of an answer that are read: parsing them holds up the event loop. A session's may name thousands of pictures.
MAX_BYTES, MAX_SESSION_BYTES = 512 * 1024, 4 * 1024 * 1024


class ValseaClient:
    """One Valsea account. Implements `bot.provider.Provider`."""

    title = "Valsea"

    def __init__(self, settings: ValseaSettings, api_key: str, network: Network) -> None:
        self.account = Account(settings.api_key_env, settings.base_url, key_fingerprint(api_key))
        self.answer_timeout = settings.timeout
        self._settings = settings
        self._key = api_key
        self._http = network.http_client(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, 10)),
        )

    async def close(self) -> None:
        """Close the connections to Valsea."""
        await self._http.aclose()

    async def open_session(self, voicebot: str, participant: str) -> VoicebotSession:
        """Open a session (POST); it is billed from its answer on."""
        body = {"voicebotId": voicebot, "participantName": participant}
        try:
            response = await self._send(
                "POST",
                self._settings.session_path,
                most=MAX_SESSION_BYTES,
                json=body,
                timeout=httpx.Timeout(LATE_ANSWER_SECONDS, connect=10),
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
        body = read_json(response)
        if body is None:
            room = answers.room_in(response.content)
            raise BadAnswer("the session answer is not JSON", for_user=answers.unreadable(room), reference=room)
        return answers.session(body, self.account.endpoint)

    async def end_session(self, reference: str) -> SessionEnd:
        """End a session (DELETE): 2xx, or the API's own 404, is the end. A web page's 404 is a wrong address and is
        not."""
        path = self._settings.end_path.format(room=quote(reference, safe=""))
        try:
            response = await self._send("DELETE", path)
        except httpx.RequestError as error:
            raise ProviderDown(f"no answer to the DELETE of a session: {type(error).__name__}") from error
        if response.is_success and is_html(response):
            raise WrongAddress(f"HTTP {response.status_code} with a web page, which is not the API's answer")
        if response.is_success:
            return SessionEnd(credits=answers.credits_used(response))
        if response.status_code == 404 and not is_html(response):
            return SessionEnd(already_gone=True)
        raise self._refusal(response)

    async def image_library(self, voicebot: str) -> Mapping[str, str]:
        """Return all pictures of a voicebot (GET)."""
        path = self._settings.library_path.format(voicebot=quote(voicebot, safe=""))
        return answers.image_mappings(await self._get(path))

    async def messages(self, reference: str) -> Sequence[StoredMessage]:
        """Return the stored lines (GET), page by page, until a page brings nothing new. A page may hold less than was
        asked for."""
        path = self._settings.messages_path.format(room=quote(reference, safe=""))
        found: list[dict[str, Any]] = []
        seen: set[str] = set()
        while len(found) < MAX_MESSAGES:
            entries = answers.page(await self._get(path, {"limit": PAGE, "offset": len(found)}))
            identities = {answers.identity(entry) for entry in entries}
            if not identities - seen:
                break
            seen |= identities
            found += entries  # all of them: what was said twice is there twice
        return answers.messages(found)

    def read_packet(self, payload: bytes) -> Sequence[RoomMessage]:
        """Read what a data packet of the room says."""
        return packets.read_packet(payload)

    async def probe(self, session: VoicebotSession, voicebot: str, begin: Callable[[str], None]) -> None:
        """Ask what the documentation leaves open; see `bot.provider.Probing`."""
        await probing.probe(self._send, self._settings, session.reference, voicebot, begin)

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

    async def _send(self, method: str, path: str, *, most: int = MAX_BYTES, **options: Any) -> httpx.Response:
        """One request, with at most so many bytes of its answer; repeated only while no connection could be made, so
        that nothing was sent yet."""
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                async with self._http.stream(method, path, **options) as response:
                    body = bytearray()
                    async for chunk in response.aiter_bytes():
                        body += chunk[: most - len(body)]
                        if len(body) >= most:
                            log.error("an answer of more than %d bytes was cut off", most)
                            break
                    return httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(body))
            except _NEVER_LEFT as error:
                if attempt == CONNECT_ATTEMPTS:
                    raise ProviderDown(
                        f"cannot connect: {type(error).__name__}",
                        for_user=say("Valsea cannot be reached. Is the bot's machine online? Try again in a minute."),
                    ) from error
                await asyncio.sleep(random.uniform(0, 0.3 * 2**attempt))
            except _CANNOT_BE_MADE as error:
                raise ProviderDown(
                    f"the request cannot be made: {type(error).__name__}; nothing was sent",
                    for_user=say("The request to Valsea could not be made, and nothing was opened. The log says why."),
                ) from error
        raise AssertionError("unreachable")


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Those of an answer whose body is decoded already."""
    return {name: value[:1000] for name, value in headers.items() if name not in ("content-encoding", "content-length")}
