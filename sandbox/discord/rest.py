"""Discord's REST API and CDN over HTTPS: authentication, rate limits, multipart, and the model's answers."""

import fnmatch
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from . import command_rules
from .model import DiscordRefusal, Json, Upload, World

# Posting into a channel is the limit a bot meets first: five messages in five seconds.
MESSAGE_LIMIT, MESSAGE_WINDOW = 5, 5.0
_COMMANDS = re.compile(r"^/applications/\d+(/guilds/\d+)?/commands$")
_MESSAGE_POST = re.compile(r"^/channels/(\d+)/messages$")


@dataclass(slots=True)
class Fault:
    """A planned refusal: the next `times` calls that match are answered with it."""

    method: str
    path: str  # with * and ?, as in fnmatch
    status: int
    body: Json
    times: int = 1
    retry_after: float | None = None  # seconds; sets Discord's rate-limit headers


@dataclass(slots=True)
class _Bucket:
    """Discord's rate limit of one route and channel."""

    reset_at: float = 0.0
    used: int = 0

    def take(self, now: float) -> tuple[bool, dict[str, str]]:
        if now >= self.reset_at:
            self.reset_at, self.used = now + MESSAGE_WINDOW, 0
        allowed = self.used < MESSAGE_LIMIT
        self.used += allowed
        return allowed, {
            "X-RateLimit-Limit": str(MESSAGE_LIMIT),
            "X-RateLimit-Remaining": str(MESSAGE_LIMIT - self.used),
            "X-RateLimit-Reset-After": f"{self.reset_at - now:.3f}",
            "X-RateLimit-Reset": f"{time.time() + self.reset_at - now:.3f}",
        }


@dataclass(slots=True)
class Rest:
    """Answers `/api/v10/...` and the CDN's `/attachments/...`."""

    world: World
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)  # (method, path) of every call
    nonce_memory: float = 180.0  # seconds; Discord says "a few minutes"
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _nonces: dict[tuple[str, int, str], tuple[float, Any]] = field(default_factory=dict)

    async def api(self, request: web.Request) -> web.Response:
        """One REST call."""
        path = "/" + request.match_info["tail"]
        self.requests.append((request.method, path))
        fault = self._fault(request.method, path)
        if fault is not None:
            return _refuse(fault)
        if path == "/gateway/bot":
            return _json(_GATEWAY_BOT)
        bot = self.world.bot_of_request(request.headers.get("Authorization"), path)
        if bot is None:
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        limited, headers = self._limit(request.method, path, bot.token)
        if limited is not None:
            return limited
        body, form, files = await _read(request)
        refused = command_rules.refusal(body) if request.method == "PUT" and _COMMANDS.match(path) else None
        if refused is not None:
            return _json(refused, 400, headers)
        nonce = _nonce(path, bot.user_id, body)
        if nonce is not None and nonce in self._nonces:  # Discord: the earlier message is returned instead
            posted_at, message = self._nonces[nonce]
            if time.monotonic() - posted_at < self.nonce_memory:
                return _json(message, headers=headers)
        try:
            answer = self.world.request(
                bot,
                request.method,
                path,
                body=body,
                form=form,
                files=files,
                query=dict(request.query),
                reason=request.headers.get("X-Audit-Log-Reason"),
            )
        except DiscordRefusal as refusal:
            return _json(refusal.body, refusal.status)
        if nonce is not None:
            self._nonces[nonce] = time.monotonic(), answer
        return web.Response(status=204) if answer is None else _json(answer, headers=headers)

    async def cdn(self, request: web.Request) -> web.Response:
        """An uploaded file."""
        blob = self.world.attachment(request.path)
        return web.Response(status=404) if blob is None else web.Response(body=blob)

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in (method, "*") and fnmatch.fnmatch(path, fault.path):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _limit(self, method: str, path: str, token: str) -> tuple[web.Response | None, dict[str, str]]:
        match = _MESSAGE_POST.match(path)
        if method != "POST" or match is None:
            return None, {}
        name = f"messages-{match[1]}-{token[-6:]}"
        bucket = self._buckets.setdefault(name, _Bucket())
        allowed, headers = bucket.take(time.monotonic())
        headers["X-RateLimit-Bucket"] = name
        if allowed:
            return None, headers
        retry_after = float(headers["X-RateLimit-Reset-After"])
        body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": False}
        return _json(body, 429, {**headers, "Retry-After": f"{retry_after:.3f}"}), headers


def _nonce(path: str, author: int, body: Any) -> tuple[str, int, str] | None:
    """What makes a message with `enforce_nonce` the same as an earlier one (Discord docs, Create Message)."""
    if _MESSAGE_POST.match(path) is None or not isinstance(body, dict) or not body.get("enforce_nonce"):
        return None
    nonce = str(body.get("nonce"))
    return (path, author, nonce) if len(nonce) <= 25 else None


_GATEWAY_BOT: Json = {
    "url": "wss://gateway.discord.gg",
    "shards": 1,
    "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1},
}


async def _read(request: web.Request) -> tuple[Any, dict[str, str] | None, tuple[Upload, ...]]:
    """(JSON body, form fields, files) of a request."""
    if request.content_type == "application/json" and request.can_read_body:
        return await request.json(), None, ()
    if not request.content_type.startswith("multipart/"):
        return None, None, ()
    form: dict[str, str] = {}
    files: list[Upload] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read())
        if part.filename:
            files.append(Upload(part.filename, content))
        else:
            form[str(part.name)] = content.decode()
    return None, form, tuple(files)


def _refuse(fault: Fault) -> web.Response:
    headers = {}
    if fault.retry_after is not None:
        headers = {
            "Retry-After": str(fault.retry_after),
            "X-RateLimit-Bucket": secrets.token_hex(4),
            "X-RateLimit-Reset-After": str(fault.retry_after),
            "X-RateLimit-Remaining": "0",
        }
    return _json(fault.body, fault.status, headers)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Exactly `application/json`: discord.py reads a body with a charset behind it as text."""
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={"Content-Type": "application/json", "Via": "1.1 google", **(headers or {})},
    )
