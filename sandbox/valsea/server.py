"""Valsea's session API on HTTP. Source: https://valsea.ai/docs/api/voicebot-livekit

Unknown routes answer 404 with an HTML page, as the real host does. What the documentation leaves open (the path of the
messages, the shape of errors) follows what has been observed.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web
from livekit import api

from sandbox.livekit.server import LiveKitServer

from . import pictures
from .behaviour import ValseaBehaviour
from .faults import Fault, FaultPlan, Operation
from .meter import NotEnoughCredits, Organisation
from .session import ImageForm, Session
from .voicebots import VoicebotWorker

API = "/v1/voicebot-livekit"
IMAGES = "https://images.valsea.example/museum/{key}.png"
VOICEBOT_ID = "66f0c1d2e3a4b5c6d7e8f901"
VOICEBOT_NAME = "Museum Guide"
AVATAR = "https://images.valsea.example/museum/avatar.png"
#: The pictures a session's answer names; for the others a client must ask the library.
IN_SESSION = pictures.KEYS[:4]


class Valsea:
    """Start it, give out keys, point a bot at `url`, and read the meter."""

    def __init__(self, livekit: LiveKitServer, worker: VoicebotWorker | None) -> None:
        """Without a `worker` no voicebot ever joins a session's room."""
        self.livekit = livekit
        self.worker = worker
        self.organisations: dict[str, Organisation] = {}  # by API key
        self.sessions: dict[str, Session] = {}  # by room
        self.faults = FaultPlan()
        self.behaviour = ValseaBehaviour()  # where no participant has one of its own
        self.behaviours: dict[str, ValseaBehaviour] = {}  # by the name of the participant that asks for a session
        self.image_form: ImageForm = "key"
        self.livekit_url: str | None = None  # named in a session's answer instead of the server's own address
        self.more_images: dict[str, str] = {}  # key -> URL, named in a session's answer besides its own
        self.greet = False
        self.ears = True  # whether new voicebots understand what is said, or only say what they are told to
        self.send_voicebot = True  # whether new sessions get their voicebot
        self.requests: list[tuple[str, str, float]] = []  # (method, path, monotonic time)
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._api: api.LiveKitAPI | None = None
        self._packets: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._request_number = itertools.count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(middlewares=[self._envelope])
        app.router.add_post(f"{API}/session", self._open)
        app.router.add_delete(f"{API}/session/{{room}}", self._end)
        app.router.add_get(f"{API}/session/{{room}}/messages", self._messages)
        app.router.add_get(f"{API}/session/{{room}}/transcript", self._messages)
        app.router.add_get(f"{API}/voicebots/{{voicebot}}/image-mappings/library", self._library)
        app.router.add_get("/v1/voicebots/{voicebot}", self._profile)
        app.router.add_get("/museum/{key}.png", self._picture)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = int(self._runner.addresses[0][1])
        self._api = api.LiveKitAPI(self.livekit.http_url, self.livekit.key, self.livekit.secret)
        self._sender = asyncio.create_task(self._send_packets(), name="valsea packets")

    async def stop(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._api is not None:
            await self._api.aclose()

    def create_key(self, organisation: str, balance: int = 1000) -> str:
        """A new API key of a new organisation."""
        key = f"vl_{secrets.token_hex(16)}"
        self.organisations[key] = Organisation(organisation, Decimal(balance))
        return key

    def session_of(self, room: str) -> Session:
        return self.sessions[room]

    async def delete_room(self, room: str) -> None:
        """End a session's room from the provider's side, its meter left running."""
        assert self._api is not None
        with contextlib.suppress(api.TwirpError, aiohttp.ClientError):  # it is gone already, or LiveKit is
            await self._api.room.delete_room(api.DeleteRoomRequest(room=room))

    async def put_out(self, session: Session) -> None:
        """Remove the client from a session's room, as a provider does that has had enough of it."""
        assert self._api is not None
        found = await self._api.room.list_participants(api.ListParticipantsRequest(room=session.room))
        for participant in found.participants:
            if not participant.identity.startswith("agent-") and participant.identity != "observer":
                await self._api.room.remove_participant(
                    api.RoomParticipantIdentity(room=session.room, identity=participant.identity)
                )

    # -- endpoints ----------------------------------------------------------------------------------------------

    async def _open(self, request: web.Request) -> web.StreamResponse:
        organisation = self._authorised(request)
        if isinstance(organisation, web.Response):
            return organisation
        try:
            body = await request.json()
        except ValueError:
            return _error(400, "The body must be JSON")
        voicebot = body.get("voicebotId") if isinstance(body, dict) else None
        if not isinstance(voicebot, str) or not voicebot:
            return _error(400, "voicebotId is required")
        if voicebot != VOICEBOT_ID:
            return _error(404, "Voicebot not found")
        room = f"ext-vb-{voicebot}-{secrets.token_hex(6)}"
        try:
            organisation.open(room, time.monotonic())
        except NotEnoughCredits:
            return _error(402, "Insufficient credits")
        name = body.get("participantName")
        if name is not None and not isinstance(name, str):
            return _error(400, "participantName must be a string")
        participant = name or "guest"
        session = self._create(room, voicebot, organisation, participant)
        return web.json_response(self._answer(session, participant), status=201)

    async def _end(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        if isinstance(session, web.Response):
            return session
        known_since = session.opened_at + session.behaviour.unknown_for
        if session.ended.is_set() or time.monotonic() < known_since:
            return _error(404, "Session not found", shape="message")
        used = session.organisation.close(session.room, time.monotonic())
        session.ended.set()
        if self.worker is not None:
            self.worker.leave(session.id)
        await self.delete_room(session.room)
        headers = {"X-Credits-Used": str(used)}
        if session.behaviour.end_status == 204:
            return web.Response(status=204, headers=headers)
        return web.json_response({"ended": True}, status=session.behaviour.end_status, headers=headers)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        if isinstance(session, web.Response):
            return session
        try:
            limit, offset = int(request.query.get("limit", 50)), int(request.query.get("offset", 0))
        except ValueError:
            return _error(400, "limit and offset must be numbers")
        if session.behaviour.messages_path != request.path.rpartition("/")[2]:
            raise web.HTTPNotFound
        return web.json_response(session.behaviour.page(session.messages[offset : offset + limit]))

    async def _library(self, request: web.Request) -> web.StreamResponse:
        organisation = self._authorised(request)
        if isinstance(organisation, web.Response):
            return organisation
        if request.match_info["voicebot"] != VOICEBOT_ID:
            return _error(404, "Voicebot not found")
        return web.json_response({key: self.image_url(key) for key in pictures.KEYS})

    async def _profile(self, request: web.Request) -> web.StreamResponse:
        organisation = self._authorised(request)
        if isinstance(organisation, web.Response):
            return organisation
        if request.match_info["voicebot"] != VOICEBOT_ID:
            return _error(404, "Voicebot not found")
        return web.json_response({"name": VOICEBOT_NAME, "botID": VOICEBOT_ID, "avatarUrl": AVATAR})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        try:
            return web.Response(body=pictures.png(request.match_info["key"]), content_type="image/png")
        except KeyError:
            return web.Response(status=404)

    @staticmethod
    def image_url(key: str) -> str:
        """A picture's public address; `_picture` serves what stands behind it."""
        return IMAGES.format(key=key)

    # -- parts --------------------------------------------------------------------------------------------------

    def _create(self, room: str, voicebot: str, organisation: Organisation, participant: str) -> Session:
        behaviour = self.behaviours.get(participant, self.behaviour)
        session = Session(
            secrets.token_hex(12),
            room,
            voicebot,
            organisation,
            lambda name, payload: self._packets.put_nowait((name, payload)),
            self.image_url,
            self.image_form,
            behaviour,
            participant,
        )
        if behaviour.from_agent and self.worker is not None:
            worker = self.worker
            session.send_packet = lambda _, payload: worker.send_packet(session.id, payload.decode())
        self.sessions[room] = session
        if self.send_voicebot and behaviour.voicebot_delay:
            asyncio.get_running_loop().call_later(behaviour.voicebot_delay, self.bring_voicebot, session)
        elif self.send_voicebot:
            self.bring_voicebot(session)
        return session

    def bring_voicebot(self, session: Session) -> None:
        """A voicebot of this session enters its room, the first one or one more."""
        if self.worker is not None:
            token = self.livekit.token(f"agent-{secrets.token_hex(6)}", session.room, agent=True)
            self.worker.join(
                session.id,
                self.livekit.url,
                token,
                session.on_voicebot,
                greet=self.greet,
                ears=self.ears,
                transcription=session.behaviour.streams,
            )

    def _answer(self, session: Session, participant: str) -> dict[str, Any]:
        identity = f"{participant}-{secrets.token_hex(4)}"
        images = {**{key: self.image_url(key) for key in IN_SESSION}, **self.more_images}
        behaviour, expires = session.behaviour, datetime.now(UTC) + timedelta(hours=1)
        names = {"name": VOICEBOT_NAME, "id": VOICEBOT_ID, "absent": None}
        more = {"status": "active", "region": None, "limits": {"minutes": 60}} if behaviour.extra_fields else {}
        return {
            **more,
            "sessionId": session.id,
            "participantToken": self.livekit.token(identity, session.room),
            "livekitUrl": self.livekit_url or self.livekit.url,
            "roomName": session.room,
            "voicebotName": names[behaviour.voicebot_name],
            "voicebotAvatarUrl": AVATAR,
            "imageMappings": [{"imageKey": key, "imageUrl": url} for key, url in images.items()],
            "expiresAt": behaviour.expires_at(expires.isoformat(), expires.timestamp()),
        }

    def _authorised(self, request: web.Request) -> Organisation | web.Response:
        organisation = self.organisations.get(_key(request))
        return organisation or _error(401, "Invalid API key")

    def _session(self, request: web.Request) -> Session | web.Response:
        organisation = self._authorised(request)
        if isinstance(organisation, web.Response):
            return organisation
        session = self.sessions.get(request.match_info["room"])
        if session is None:
            return _error(404, "Session not found", shape="message")
        if session.organisation is not organisation:
            return _error(403, "Session belongs to another organization")
        return session

    @web.middleware
    async def _envelope(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Planned faults, request ids, and the HTML page for unknown routes."""
        self.requests.append((request.method, request.path, time.monotonic()))
        fault = self._planned(request)
        if fault is not None and fault.when == "before":
            await asyncio.sleep(fault.delay)
            spoiled = _spoil(request, fault)
            if spoiled is not None:
                return spoiled
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            page = f"<!DOCTYPE html><pre>Cannot {request.method} {request.path}</pre>"
            response = web.Response(status=error.status, text=page, content_type="text/html")
        if fault is not None and fault.when == "after":
            await asyncio.sleep(fault.delay)
            response = _spoil(request, fault) or response
        response.headers["x-request-id"] = f"req-{next(self._request_number)}"
        return response

    def _planned(self, request: web.Request) -> Fault | None:
        operation: Operation
        if request.path == f"{API}/session":
            operation = "open"
        elif request.method == "DELETE":
            operation = "end"
        elif request.path.endswith("/messages"):
            operation = "messages"
        else:
            operation = "library"
        return self.faults.take(operation, _key(request))

    async def _send_packets(self) -> None:
        """In order within a room, and never in the way of a request."""
        last: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as sending:
            while True:
                room, payload = await self._packets.get()
                last[room] = sending.create_task(self._send_packet(room, payload, last.get(room)))

    async def _send_packet(self, room: str, payload: bytes, after: "asyncio.Task[None] | None") -> None:
        """LiveKit looks for a room that is gone for three seconds; packets of other rooms do not wait for that."""
        assert self._api is not None
        if after is not None:
            await asyncio.wait({after})
        packet = api.SendDataRequest(room=room, data=payload, kind=api.DataPacket.Kind.RELIABLE)
        with contextlib.suppress(api.TwirpError, aiohttp.ClientError, TimeoutError):  # the room is gone, or LiveKit is
            await self._api.room.send_data(packet)


def _spoil(request: web.Request, fault: Fault) -> web.Response | None:
    """The fault's answer; None when it was only slow."""
    if fault.drop:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if fault.html:
        page = "<!DOCTYPE html><pre>Cannot serve this</pre>"
        return web.Response(status=fault.status or 404, text=page, content_type="text/html")
    if fault.garbage is not None:
        return web.Response(status=fault.status or 201, body=fault.garbage, content_type="application/json")
    if fault.status is not None:
        answer = _error(fault.status, fault.message, shape=fault.shape)
        if fault.retry_after is not None:
            answer.headers["Retry-After"] = str(fault.retry_after)
        return answer
    return None


def _key(request: web.Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme == "Bearer" else request.headers.get("X-API-Key", "")


def _error(status: int, message: str, *, shape: str = "detail") -> web.Response:
    """The two shapes of error bodies that have been seen."""
    body: dict[str, Any] = {"message": message}
    if shape == "detail":
        body = {"detail": {"message": message, "code": f"E{status}"}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
