"""A whole Discord on one HTTPS port: REST, CDN, gateway and voice, told apart by host name.

Clients reach it unmodified: their resolver sends every host to this port and their TLS context trusts the throw-away
certificate authority. Both are ordinary client settings.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import trustme
from aiohttp import web

from . import command_data
from .gateway import BotSession, Gateway
from .model import BotAccount, Json, World
from .rest import Rest
from .voice.room import VoicePermissions
from .voice.server import DISCONNECTED, Ticket, VoiceServer

HOSTS = ("discord.com", "*.discord.com", "*.discord.gg", "*.discord.media", "cdn.discordapp.com")
VOICE_HOST = "sandbox{number}.discord.media"


@dataclass(frozen=True, slots=True)
class VoiceAccess:
    """All a person's client needs to connect to a voice channel."""

    host: str
    ticket: Ticket


class Discord:
    """Start it, fill `world` with guilds and people, and point a bot at `port` and `ca_pem`."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.world = World()
        self.rest = Rest(self.world)
        self.gateway = Gateway(self.world, self.rest.session_starts, self._voice_request)
        self.voice = VoiceServer()
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._endpoint = 1
        #: By whom each bot's place in a voice channel was asked for last, by server and user.
        self._asked_by: dict[tuple[int, int], BotSession] = {}
        self.world.listeners.append(self._on_event)

    @property
    def ca_pem(self) -> bytes:
        return bytes(self.ca.cert_pem.bytes())

    def client_tls(self) -> ssl.SSLContext:
        """A client's TLS context that trusts this Discord and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        return context

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        app = web.Application(client_max_size=30 << 20)
        app.router.add_get("/", self._entry)
        app.router.add_route("*", "/api/v10/{tail:.*}", self.rest.api)
        app.router.add_get("/attachments/{tail:.*}", self.rest.cdn)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*HOSTS).configure_cert(context)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await self.voice.start()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=context).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        await self.voice.stop()
        for bot in self.world.bots.values():
            self.gateway.drop(bot)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _entry(self, request: web.Request) -> web.WebSocketResponse:
        host = request.host.split(":")[0]
        if host == "gateway.discord.gg":
            return await self.gateway.websocket(request)
        return await self.voice.websocket(request)

    # -- what people and moderators do --------------------------------------------------------------------------

    def join_voice(self, guild_id: int, user_id: int, channel_id: int) -> VoiceAccess:
        """A person's client joins a voice channel: its state is announced, and it gets a ticket."""
        if not self.world.permits(guild_id, user_id, channel_id, "view_channel", "connect"):
            raise PermissionError("this member may not connect to this channel")
        self.world.set_voice_state(guild_id, user_id, channel_id)
        return VoiceAccess(self._voice_host(), self._issue(guild_id, user_id, channel_id))

    def leave_voice(self, guild_id: int, user_id: int) -> None:
        """A member leaves voice, or a moderator disconnects it; the voice socket closes with 4014."""
        self.world.set_voice_state(guild_id, user_id, None)

    def move(self, guild_id: int, user_id: int, channel_id: int) -> None:
        """A moderator moves a member; a bot hears of its new voice server."""
        self.voice.revoke(guild_id, user_id)
        self.world.set_voice_state(guild_id, user_id, channel_id)
        self._offer_server(guild_id, user_id, channel_id)

    def delete_channel(self, channel_id: int) -> None:
        """Delete a channel and disconnect everyone in it."""
        for guild_id in {g for b in self.world.bots.values() for g in self.world.guilds_of(b)}:
            for user_id in self.world.in_voice(guild_id, channel_id):
                self.leave_voice(guild_id, user_id)
        self.world.delete_channel(channel_id)

    def outage(self, bot: BotAccount, guild_id: int) -> None:
        """A server becomes unavailable to a bot, as when Discord has trouble of its own."""
        self.gateway.send(bot, "GUILD_DELETE", {"id": str(guild_id), "unavailable": True})

    def change_voice_server(self, guild_id: int, user_id: int) -> None:
        """Move a bot to another voice server, as a region change does."""
        channel_id = self.world.voice_channel_of(guild_id, user_id)
        assert channel_id is not None
        self._endpoint += 1
        self.voice.revoke(guild_id, user_id)
        self._offer_server(guild_id, user_id, channel_id)

    def click(
        self,
        bot: BotAccount,
        guild_id: int,
        channel_id: int,
        user_id: int,
        message_id: int,
        custom_id: str,
        values: tuple[str, ...] | None = None,
    ) -> int:
        """A member clicks on a button, or chooses `values` in a menu; the interaction's id."""
        data: Json = {"custom_id": custom_id} if values is None else {"custom_id": custom_id, "values": list(values)}
        payload = self.world.component(bot, guild_id, channel_id, user_id, message_id, data)
        self.gateway.send(bot, "INTERACTION_CREATE", payload)
        return int(payload["id"])

    def fill_in(self, bot: BotAccount, interaction_id: int, **values: str) -> int:
        """A member fills in the dialog that an interaction was answered with; the new interaction's id."""
        payload = self.world.modal(bot, interaction_id, values)
        self.gateway.send(bot, "INTERACTION_CREATE", payload)
        return int(payload["id"])

    def slash(
        self,
        bot: BotAccount,
        guild_id: int,
        channel_id: int,
        user_id: int,
        command: str,
        *,
        locale: str = "en-US",
        **options: Any,
    ) -> int:
        """A member types a slash command (`"voicebot join"`, options by name); the interaction's id. `locale` is the
        language of their client."""
        data = self._command_data(bot, guild_id, channel_id, command, options)
        payload = {**self.world.interaction(bot, guild_id, channel_id, user_id, data), "locale": locale}
        self.gateway.send(bot, "INTERACTION_CREATE", payload)
        return int(payload["id"])

    async def suggest(
        self, bot: BotAccount, guild_id: int, channel_id: int, user_id: int, command: str, option: str, typed: str
    ) -> list[str]:
        """What a member is offered while they type an option of a command; TimeoutError."""
        data = self._command_data(bot, guild_id, channel_id, command, {option: typed}, option)
        payload = self.world.interaction(bot, guild_id, channel_id, user_id, data, autocomplete=True)
        self.gateway.send(bot, "INTERACTION_CREATE", {**payload, "locale": "en-US"})
        async with asyncio.timeout(3):  # Discord waits no longer
            while (offered := self.world.suggestions(int(payload["id"]))) is None:
                await asyncio.sleep(0.01)
        return offered

    def _command_data(
        self,
        bot: BotAccount,
        guild_id: int,
        channel_id: int,
        command: str,
        options: Mapping[str, Any],
        focused: str = "",
    ) -> Json:
        def resolve(kind: int, value: Any, resolved: Json) -> Any:
            if kind == command_data.CHANNEL:
                known = {**self.world.resolved_channel(value), "permissions": "0"}
                resolved.setdefault("channels", {})[str(value)] = known
            elif kind in command_data.ROLES and (role := self.world.resolved_role(guild_id, value)) is not None:
                resolved.setdefault("roles", {})[str(value)] = role
            elif kind in command_data.PEOPLE:
                user, member = self.world.resolved_member(guild_id, value)
                resolved.setdefault("users", {})[str(value)] = user
                resolved.setdefault("members", {})[str(value)] = member
            elif kind == command_data.ATTACHMENT:
                return self.world.upload(channel_id, value, resolved)
            else:
                return value
            return str(value)

        kinds = self.option_kinds(bot, guild_id, command)
        return command_data.command_data(kinds, command, options, resolve, focused)

    def option_kinds(self, bot: BotAccount, guild_id: int, command: str) -> dict[str, int]:
        """The types of a slash command's options by their names, as they are registered."""
        name, *path = command.split()
        return command_data.kinds(self.world.command(bot, guild_id, name) or {}, path)

    async def answer(self, interaction_id: int, timeout: float = 20) -> list[Json]:
        """The bot's answers to a slash command, once it has stopped thinking; TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.world.is_thinking(interaction_id):
                await asyncio.sleep(0.02)
        return self.world.response(interaction_id)

    # -- what a bot asks for ------------------------------------------------------------------------------------

    def _voice_request(self, session: BotSession, data: Json) -> None:
        """Op 4. Discord says nothing at all when the member may not connect."""
        guild_id, user_id = int(data["guild_id"]), session.bot.user_id
        channel_id = None if data["channel_id"] is None else int(data["channel_id"])
        flags = {"self_mute": bool(data.get("self_mute")), "self_deaf": bool(data.get("self_deaf"))}
        if channel_id is None:
            self.world.set_voice_state(guild_id, user_id, None)
            return
        if not self.world.permits(guild_id, user_id, channel_id, "view_channel", "connect"):
            return
        before = self.world.voice_channel_of(guild_id, user_id)
        if before != channel_id and self._is_full(guild_id, user_id, channel_id):
            return
        asked_by, self._asked_by[guild_id, user_id] = self._asked_by.get((guild_id, user_id)), session
        if before is not None and asked_by is not session:  # what a process that died has left: a voice session anew
            self.voice.revoke(guild_id, user_id)
            self.world.renew_voice_session(guild_id, user_id)
            before = None
        if before is not None and before != channel_id:
            self.voice.revoke(guild_id, user_id)
        gone = before == channel_id and not self.voice.has_session(guild_id, user_id)
        server_first = self.voice.behaviour_in(channel_id).server_first
        with self.world.announced_later() if server_first else contextlib.nullcontext():
            self.world.set_voice_state(guild_id, user_id, channel_id, **flags)
            if before != channel_id or gone:
                self._offer_server(guild_id, user_id, channel_id)

    def _is_full(self, guild_id: int, user_id: int, channel_id: int) -> bool:
        """Discord lets in beyond a user limit who may move members
        (https://discord.com/developers/docs/topics/permissions)."""
        limit = self.world.user_limit(channel_id)
        if not limit or self.world.permits(guild_id, user_id, channel_id, "move_members"):
            return False
        return len(self.world.in_voice(guild_id, channel_id)) >= limit

    def _offer_server(self, guild_id: int, user_id: int, channel_id: int) -> None:
        ticket = self._issue(guild_id, user_id, channel_id)
        for bot in self.world.bots.values():
            if bot.user_id == user_id:
                endpoint = f"{self._voice_host()}:443"
                body = {"token": ticket.token, "guild_id": str(guild_id), "endpoint": endpoint}
                self.gateway.send(bot, "VOICE_SERVER_UPDATE", body)

    def _issue(self, guild_id: int, user_id: int, channel_id: int) -> Ticket:
        state = self.world.voice_state(guild_id, user_id)
        assert state is not None
        permissions = VoicePermissions(
            may_speak=lambda: self.world.may_speak(guild_id, user_id, channel_id),
            may_hear=lambda: self.world.may_hear(guild_id, user_id),
        )
        return self.voice.issue(guild_id, channel_id, user_id, state.session_id, permissions)

    def _voice_host(self) -> str:
        return VOICE_HOST.format(number=self._endpoint)

    def _on_event(self, event: str, payload: Json) -> None:
        if event == "VOICE_STATE_UPDATE" and payload["channel_id"] is None:
            self.voice.revoke(int(payload["guild_id"]), int(payload["user_id"]), code=DISCONNECTED)
        elif event == "GUILD_DELETE":
            for room in list(self.voice.rooms.values()):
                if room.guild_id == int(payload["id"]):
                    for connection in list(room.connections.values()):
                        self.voice.revoke(room.guild_id, connection.user_id)
