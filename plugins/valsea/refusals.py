"""Valsea's error answers as errors with words for the user.

The body's shape is not documented; these are the shapes seen in the wild: `{detail: {message, code}}`, `{detail:
"..."}`, `{detail: [{msg}]}` (FastAPI), `{error: {message}}`, `{error: "..."}` and `{message}`. An unknown route answers
404 with an HTML page, which means a wrong address and never "this session is gone".
"""

import contextlib
import json
from typing import Any

from bot.api import (
    KeyRejected,
    NotAllowed,
    OutOfCredits,
    ProviderDown,
    ProviderError,
    RateLimited,
    RequestRejected,
    VoicebotNotFound,
    WrongAddress,
    httpx,
    plain,
    redact,
    say,
    say_n,
)


def body_message(body: Any, key: str = "") -> str | None:
    """Return the human sentence in an error body, if there is one, without the API `key` that a provider may quote in
    it."""
    if not isinstance(body, dict):
        return None
    for name in ("detail", "error", "message"):
        value = body.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("message") or value.get("msg")
        if isinstance(value, str) and value.strip():
            return redact(value.replace(key, "…") if key else value)  # it shortens, so the key must be out before
    return None


def read_json(response: httpx.Response) -> Any:
    """Return the JSON body; None when it is not JSON."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(response.content)
    return None


def is_html(response: httpx.Response) -> bool:
    """Return whether this is a web server's page and not the API's answer."""
    kind = response.headers.get("content-type", "")
    return "html" in kind or response.content.lstrip()[:1] == b"<"


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds to wait by the Retry-After header; None when it says nothing usable."""
    with contextlib.suppress(ValueError):
        seconds = float(response.headers.get("retry-after", "")[:20])
        if 0 <= seconds <= 3600:
            return seconds
    return None


def refusal(response: httpx.Response, key: str = "") -> ProviderError:
    """Make the error for an answer that is not a success. The `key` is cut out of what the provider says of it."""
    status = response.status_code
    told = body_message(read_json(response), key)
    log = f"HTTP {status}" + (f": {told}" if told else "")
    if status in (400, 422):
        if not told:
            return RequestRejected(log, for_user=say("Valsea did not accept the request. Is the voicebot's id right?"))
        return RequestRejected(
            log,
            for_user=say(
                "Valsea did not accept the request. It said: “{words}” Is the voicebot's id right?", words=plain(told)
            ),
        )
    if status == 401:
        return KeyRejected(
            log,
            for_user=say(
                "Valsea does not accept this bot's API key. Its operator can check the key at valsea.ai, Settings, "
                "API Keys."
            ),
        )
    if status == 402:
        return OutOfCredits(
            log, for_user=say("The Valsea account is out of credits. Top it up at valsea.ai, then try again.")
        )
    if status == 403:
        return NotAllowed(
            log,
            for_user=say(
                "This belongs to another Valsea organisation. Use a voicebot of your own, "
                "or the API key of its organisation."
            ),
        )
    if status == 404 and is_html(response):
        return WrongAddress(
            "HTTP 404 from a web page, not the API: wrong base_url or path",
            for_user=say(
                "The address configured for Valsea is not its API. "
                "The bot's operator must correct `base_url` in the config file."
            ),
        )
    if status == 404:
        return VoicebotNotFound(
            log, for_user=say("Valsea knows no such voicebot. Check its id in this server's settings.")
        )
    if status == 429:
        wait = retry_after(response)
        text = (
            say("Valsea gets too many requests right now. Try again in a minute.")
            if wait is None
            else say_n(
                "Valsea gets too many requests right now. Try again in {count} second.",
                "Valsea gets too many requests right now. Try again in {count} seconds.",
                count=max(1, round(wait)),
            )
        )
        return RateLimited(log, for_user=text, retry_after=wait)
    if status >= 500:
        return ProviderDown(
            log,
            for_user=say(
                "Valsea has a problem of its own (error {status}). Try again in a few minutes.", status=status
            ),
        )
    return ProviderDown(log, for_user=say("Valsea answered in an unexpected way (status {status}).", status=status))
