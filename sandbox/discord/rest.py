"""Discord's REST API and CDN over HTTPS: authentication, rate limits, multipart, and the model's answers."""

import fnmatch
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from . import command_rules, message_rules, single_commands
from .message_rules import NO_TEXT_CHANNEL, OLD_EDITS, THREAD_LOCKED
from .model import BotAccount, DiscordRefusal, Json, Upload, World
from .session_starts import SessionStarts
from .unused_fields import without_unused

# Posting into a channel is the limit a bot meets first: five messages in five seconds.
MESSAGE_LIMIT, MESSAGE_WINDOW = 5, 5.0
_COMMANDS = re.compile(r"^/applications/\d+(/guilds/\d+)?/commands$")
_MESSAGE_POST = re.compile(r"^/channels/(\d+)/messages$")
_MESSAGE_EDIT = re.compile(r"^/channels/(\d+)/messages/(\d+)$")


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
    old_after: float = 3600.0  # seconds after which edits of a message are limited further
    old_edits: int = 0  # of messages older than that
    session_starts: SessionStarts = field(default_factory=SessionStarts)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _nonces: dict[tuple[str, int, str], tuple[float, Any]] = field(default_factory=dict)

    async def api(self, request: web.Request) -> web.Response:
        """One REST call."""
        path = "/" + request.match_info["tail"]
        self.requests.append((request.method, path))
        fault = self._fault(request.method, path)
        if fault is not None:
            return _refuse(fault)
        if path == "/applications/@me":
            path = "/oauth2/applications/@me"  # the same, and more
        if path == "/gateway":
            return _json({"url": GATEWAY})
        bot = self.world.bot_of_request(request.headers.get("Authorization"), path)
        if bot is None:
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        if path == "/gateway/bot":
            limit = self.session_starts.limit(bot.user_id, time.monotonic())
            return _json({"url": GATEWAY, "shards": 1, "session_start_limit": limit})
        if path == "/soundboard-default-sounds":
            return _json(_DEFAULT_SOUNDS)
        limited, headers = self._limit(request.method, path, bot.token)
        if limited is not None:
            return limited
        body, form, files = await _read(request)
        body = without_unused(request.method, path, body)
        single = single_commands.requested(request.method, path, body, bot.commands)
        if single is not None:
            return self._single_command(bot, single)
        refused = self._refused(request.method, path, bot.user_id, body)
        if refused is not None:
            return _json(refused[1], refused[0], headers)
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

    def _single_command(self, bot: BotAccount, asked: single_commands.Change | tuple[int, Json]) -> web.Response:
        if not isinstance(asked, single_commands.Change):
            status, known = asked
            return _json(single_commands.with_version(known) if status == 200 else known, status)
        refused = command_rules.refusal(asked.commands)
        if refused is not None:
            return _json(refused, 400)
        registered = self.world.request(bot, "PUT", asked.path, body=asked.commands)
        if asked.name is None:
            return web.Response(status=asked.status)
        (shown,) = [command for command in registered if command["name"] == asked.name]
        if asked.keeps_id is not None:
            self.world.renumber_command(bot, shown, asked.keeps_id)
        return _json(single_commands.with_version(shown), asked.status)

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

    def _refused(self, method: str, path: str, user_id: int, body: Any) -> tuple[int, Json] | None:
        """What simcord's model would take, and Discord does not: status and error body."""
        if method == "PUT" and _COMMANDS.match(path):
            wrong = command_rules.refusal(body)
            return None if wrong is None else (400, wrong)
        posted, edited = _MESSAGE_POST.match(path), _MESSAGE_EDIT.match(path)
        if method == "POST" and posted is not None:
            channel_id = int(posted[1])
            if not self.world.takes_messages(channel_id):
                return 400, {"message": "Cannot send messages in a non-text channel", "code": NO_TEXT_CHANNEL}
            if self.world.is_closed_to(channel_id, user_id):
                return 403, {"message": "Thread is locked", "code": THREAD_LOCKED}
        elif method == "PATCH" and edited is not None:
            if _age(int(edited[2])) > self.old_after:
                self.old_edits += 1
                if self.old_edits > OLD_EDITS_ALLOWED:
                    told = "Maximum number of edits to messages older than 1 hour reached. Try again later"
                    return 429, {"message": told, "code": OLD_EDITS, "retry_after": 60.0, "global": False}
        else:
            return None
        wrong = message_rules.refused_address(body)
        return None if wrong is None else (400, wrong)

    def _limit(self, method: str, path: str, token: str) -> tuple[web.Response | None, dict[str, str]]:
        match = _MESSAGE_POST.match(path) if method == "POST" else _MESSAGE_EDIT.match(path)
        if method not in ("POST", "PATCH") or match is None:
            return None, {}
        name = f"{method}-messages-{match[1]}-{token[-6:]}"
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


GATEWAY = "wss://gateway.discord.gg"
#: Edits of messages older than an hour that are taken; Discord does not say how many.
OLD_EDITS_ALLOWED = 3
_EPOCH = 1_420_070_400.0  # of snowflakes, in seconds since 1970


def _age(message_id: int) -> float:
    """Seconds since a message was posted, by its id."""
    return time.time() - _EPOCH - (message_id >> 22) / 1000


#: The first of Discord's; the documentation shows it.
_DEFAULT_SOUNDS = [
    {"sound_id": "1", "name": "quack", "volume": 1.0, "emoji_id": None, "emoji_name": "🦆", "available": True}
]


async def _read(request: web.Request) -> tuple[Any, dict[str, str] | None, tuple[Upload, ...]]:
    """(JSON body, form fields, files) of a request."""
    if request.content_type == "application/json" and request.can_read_body:
        return await request.json(), None, ()
    if request.content_type == "application/x-www-form-urlencoded":  # how aiohttp's clients send a form without files
        sent = {name: str(value) for name, value in (await request.post()).items()}
        return (json.loads(sent["payload_json"]) if "payload_json" in sent else None), sent, ()
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
