"""What this Discord knows: users, guilds, channels, messages, voice states. With `servers`, what uses simcord.

simcord (MIT, exact pin) models Discord in memory with its real permission rules and error codes. Its parts used here
are not its documented API, so every use stands in these two files; see its `backend` and `http.router` packages.
"""

import datetime
import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import discord
import simcord.http.routes
import simcord.intents
import simcord.interactions
from simcord._clock import Clock
from simcord.backend import Backend, serializers
from simcord.backend.errors import BackendError
from simcord.backend.models import User, VoiceState
from simcord.components import walk_components
from simcord.http import router

from .servers import Servers

Json = dict[str, Any]
EventListener = Callable[[str, Json], None]
_SIMCORD_CDN, CDN = "https://cdn.simcord.invalid", "https://cdn.discordapp.com"


#: What the README's address invites the bot with.
README_PERMISSIONS = 274_914_692_096


class DiscordRefusal(Exception):
    """A REST answer other than success: HTTP status and Discord's error body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status}: {body.get('message')}")
        self.status = status
        self.body = body


class _WallClock(Clock):
    """simcord's own clock stands still; interactions must expire by the real one."""

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.elapsed)


@dataclass(slots=True)
class BotAccount:
    """One bot application: its token, its user and its slash commands."""

    token: str
    user: User
    application_id: int
    commands: dict[int | None, dict[tuple[str, int], Json]] = field(default_factory=dict)
    owner_id: int | None = None  # the person who made the application

    @property
    def user_id(self) -> int:
        return int(self.user.id)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart request."""

    filename: str
    content: bytes


class World(Servers):
    """All of Discord's state. Every change is announced to `listeners` as a gateway event."""

    def __init__(self) -> None:
        super().__init__(Backend(clock=_WallClock()))
        self._backend.subscribers.append(self._announce)
        self._interaction_owner: dict[int, BotAccount] = {}
        self.bots: dict[str, BotAccount] = {}
        self.listeners: list[EventListener] = []
        self._held: list[tuple[str, Json]] | None = None
        self.invited_with = README_PERMISSIONS

    # -- making the world ---------------------------------------------------------------------------------------

    def create_bot(self, name: str = "Parley") -> BotAccount:
        """A bot application with a token of its own."""
        user = self._backend.make_user(name, bot=True)
        token = f"{secrets.token_hex(12)}.{secrets.token_hex(3)}.{secrets.token_hex(16)}"
        account = BotAccount(token, user, self._backend.snowflake())
        self.bots[token] = account
        return account

    def create_user(self, name: str) -> int:
        return int(self._backend.make_user(name.lower(), global_name=name).id)

    def make_bot(self, user_id: int) -> None:
        """Turn a user into somebody else's bot; before it is seen by anybody."""
        self._backend.get_user(user_id).bot = True

    def create_guild(self, name: str, *bots: BotAccount, members: tuple[int, ...] = ()) -> int:
        """A guild that `bots` were invited to, with the permissions `invited_with`."""
        first, *others = bots
        with self._acting_as(first):
            guild = self._backend.create_guild(name)
        invited = [role for role in guild.roles.values() if role.managed]
        for role in invited:
            role.permissions = self.invited_with
        self._backend.announce_role_updates(guild.id, invited)
        roles = [role.id for role in invited]
        for bot in others:
            self._backend.add_member(guild.id, bot.user_id, roles=roles)
        for user_id in members:
            self.add_member(guild.id, user_id)
        return int(guild.id)

    def remove_member(self, guild_id: int, user_id: int, *, told: bool) -> None:
        """Somebody is gone from a server; `told` is whether their leaving voice is announced as it should be."""
        guild = self._backend.guilds[guild_id]
        if told:
            self.set_voice_state(guild_id, user_id, None)
        else:
            guild.voice_states.pop(user_id, None)
        self._backend.remove_member(guild_id, user_id)

    # -- looking at it ------------------------------------------------------------------------------------------

    def name_of(self, user_id: int) -> str:
        user = self._backend.get_user(user_id)
        return str(user.global_name or user.name)

    def is_member(self, guild_id: int, user_id: int) -> bool:
        guild = self._backend.guilds.get(guild_id)
        return guild is not None and user_id in guild.members

    def channel_name(self, channel_id: int) -> str:
        return str(self._backend.get_channel(channel_id).name)

    def messages(self, channel_id: int) -> list[Json]:
        """A channel's messages as everybody in it sees them, oldest first; private answers are not among them."""
        stored = self._backend.messages.get(channel_id, {})
        return [
            _public(serializers.message_payload(self._backend, message))
            for message in stored.values()
            if not message.is_ephemeral
        ]

    def message(self, channel_id: int, message_id: int) -> Json:
        """One message as it stands, one that only somebody sees too."""
        return _json(serializers.message_payload(self._backend, self._backend.messages[channel_id][message_id]))

    def pings(self, channel_id: int) -> list[int]:
        """Everyone whom a message in a channel notified, roles by their ids, @everyone by the channel's."""
        pinged: list[int] = []
        for message in self._backend.messages.get(channel_id, {}).values():
            pinged += message.ping_user_ids + message.ping_role_ids
            if message.mention_everyone:
                pinged.append(channel_id)
        return pinged

    def voice_channel_of(self, guild_id: int, user_id: int) -> int | None:
        state = self.voice_state(guild_id, user_id)
        return None if state is None else state.channel_id

    def voice_state(self, guild_id: int, user_id: int) -> VoiceState | None:
        guild = self._backend.guilds.get(guild_id)
        return None if guild is None else guild.voice_states.get(user_id)

    def in_voice(self, guild_id: int, channel_id: int) -> list[int]:
        guild = self._backend.guilds.get(guild_id)
        states = [] if guild is None else list(guild.voice_states.values())
        return [state.user_id for state in states if state.channel_id == channel_id]

    def may_speak(self, guild_id: int, user_id: int, channel_id: int) -> bool:
        state = self.voice_state(guild_id, user_id)
        muted = state is None or state.mute or state.self_mute or state.suppress
        return not muted and self.permits(guild_id, user_id, channel_id, "speak")

    def may_hear(self, guild_id: int, user_id: int) -> bool:
        state = self.voice_state(guild_id, user_id)
        return state is not None and not (state.deaf or state.self_deaf)

    # -- gateway ------------------------------------------------------------------------------------------------

    def ready(self, bot: BotAccount, session_id: str, shard: tuple[int, int]) -> Json:
        """READY: every guild is still unavailable, GUILD_CREATE follows for each."""
        return {
            "v": 10,
            "user": dict(serializers.user_payload(bot.user)),
            "guilds": [{"id": str(guild), "unavailable": True} for guild in self.guilds_of(bot, shard)],
            "session_id": session_id,
            "resume_gateway_url": "wss://gateway.discord.gg",
            "shard": list(shard),
            "application": {"id": str(bot.application_id), "flags": 0},
        }

    def guilds_of(self, bot: BotAccount, shard: tuple[int, int] = (0, 1)) -> list[int]:
        return [
            guild_id
            for guild_id, guild in self._backend.guilds.items()
            if bot.user_id in guild.members and (guild_id >> 22) % shard[1] == shard[0]
        ]

    def guild_create(self, guild_id: int) -> Json:
        return _json(serializers.guild_create_payload(self._backend, self._backend.guilds[guild_id]))

    def prune(self, event: str, payload: Json, intents: int, bot: BotAccount) -> Json | None:
        """The event as a bot with these intents gets it; None when it gets none.

        Without the members intent GUILD_CREATE lists the bot and those in voice channels only
        (https://discord.com/developers/docs/events/gateway-events#guild-create).
        """
        declared = discord.Intents.none()
        declared.value = intents
        needed = simcord.intents.required_intent(event, payload)
        # Of itself a bot is told without the intent for members: its roles, and whether it is timed out.
        itself = event == "GUILD_MEMBER_UPDATE" and payload["user"]["id"] == str(bot.user_id)
        if needed is not None and not getattr(declared, needed) and not itself:
            return None
        if event == "GUILD_CREATE":
            visible = {state["user_id"] for state in payload["voice_states"]} | {str(bot.user_id)}
            members = [member for member in payload["members"] if member["user"]["id"] in visible]
            return {**payload, "members": members}
        return payload

    def set_voice_state(self, guild_id: int, user_id: int, channel_id: int | None, **flags: bool) -> None:
        """Join, leave or move a member; announced as VOICE_STATE_UPDATE."""
        if guild_id not in self._backend.guilds:
            return
        before = self.voice_state(guild_id, user_id)
        if channel_id is not None and (afk := self.afk_channel(guild_id)) is not None:
            flags["suppress"] = channel_id == afk  # nobody speaks there
        state = self._backend.prepare_voice_state(guild_id, user_id, channel_id, **flags)
        if state is not None:
            if before is None:  # each time in voice is a session of its own
                state = replace(state, session_id=secrets.token_hex(16))
            self._backend.commit_voice_state(state)

    def renew_voice_session(self, guild_id: int, user_id: int) -> None:
        """A member's place is asked for by another session of theirs: it stays, and gets an id of its own."""
        state = self.voice_state(guild_id, user_id)
        if state is not None:
            state.session_id = secrets.token_hex(16)
            self._backend.commit_voice_state(state)

    def refresh_voice_state(self, guild_id: int, user_id: int) -> None:
        """Announce a member's voice state again, as after an op 4 that changed nothing."""
        state = self.voice_state(guild_id, user_id)
        if state is not None:
            self._backend.commit_voice_state(state)

    # -- interactions -------------------------------------------------------------------------------------------

    def interaction(
        self,
        bot: BotAccount,
        guild_id: int,
        channel_id: int,
        user_id: int,
        data: Json,
        *,
        autocomplete: bool = False,
    ) -> Json:
        """The INTERACTION_CREATE payload of a slash command, or of one that is being typed; `data` as Discord sends it,
        without the id."""
        with self._acting_as(bot):
            command = self._backend.find_command(data["name"], guild_id)
            if command is None:
                raise LookupError(f"the bot has no command /{data['name']}")
        kind = 4 if autocomplete else 2
        return self._interaction(bot, kind, guild_id, channel_id, user_id, {"id": command["id"], "type": 1, **data})

    def component(
        self, bot: BotAccount, guild_id: int, channel_id: int, user_id: int, message_id: int, data: Json
    ) -> Json:
        """The INTERACTION_CREATE payload of a button or a select menu in a message."""
        stored = self._backend.messages.get(channel_id, {}).get(message_id)
        if stored is None:
            raise LookupError("there is no such message")
        shown = {component.get("custom_id"): component for component in walk_components(stored.components)}
        component = shown.get(data["custom_id"])
        if component is None or component.get("disabled"):
            raise LookupError(f"the message has no {data['custom_id']} to click on, but {list(shown)}")
        data = {"component_type": int(component["type"]), **data}
        return self._interaction(bot, 3, guild_id, channel_id, user_id, data, message_id)

    def modal(self, bot: BotAccount, interaction_id: int, values: Mapping[str, str]) -> Json:
        """The INTERACTION_CREATE payload of somebody who fills in the dialog that an interaction was answered with."""
        shown = self._backend.interactions[interaction_id]
        if shown.modal is None:
            raise LookupError("that interaction was not answered with a dialog")
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": name, "value": value}]}
            for name, value in values.items()
        ]
        data = {"custom_id": shown.modal["custom_id"], "components": rows}
        where = (shown.guild_id, shown.channel_id, shown.user_id)
        return self._interaction(bot, 5, *where, data, shown.source_message_id)

    def _interaction(
        self,
        bot: BotAccount,
        kind: int,
        guild_id: int | None,
        channel_id: int,
        user_id: int,
        data: Json,
        message_id: int | None = None,
    ) -> Json:
        """A payload of any kind; `message_id` is the message whose component it came from."""
        with self._acting_as(bot):
            record, payload = simcord.interactions.base_payload(
                self._backend, type=kind, channel_id=channel_id, guild_id=guild_id, user_id=user_id, data=data
            )
            if message_id is not None:
                stored = self._backend.messages[channel_id][message_id]
                payload["message"] = dict(serializers.message_payload(self._backend, stored))
                record.source_message_id = message_id
        self._interaction_owner[record.id] = bot
        return _json(payload)

    def resolved_channel(self, channel_id: int) -> Json:
        """A channel as it stands in an interaction's `resolved` data."""
        return _json(serializers.channel_payload(self._backend, self._backend.get_channel(channel_id)))

    def resolved_role(self, guild_id: int, role_id: int) -> Json | None:
        """A role likewise; None when nobody has made it."""
        role = self._backend.get_guild(guild_id).roles.get(role_id)
        return None if role is None else _json(serializers.role_payload(role))

    def resolved_member(self, guild_id: int, user_id: int) -> tuple[Json, Json]:
        """A user, and the same as a member, as they stand in an interaction's `resolved` data."""
        guild = self._backend.get_guild(guild_id)
        member = serializers.member_payload(self._backend, guild, guild.members[user_id], with_user=False)
        return _json(serializers.user_payload(self._backend.users[user_id])), {**_json(member), "permissions": "0"}

    def command(self, bot: BotAccount, guild_id: int, name: str) -> Json | None:
        """A slash command as a bot has registered it; None when it has not."""
        known = {**bot.commands.get(None, {}), **bot.commands.get(guild_id, {})}
        return next((command for (named, _), command in known.items() if named == name), None)

    def renumber_command(self, bot: BotAccount, shown: Json, command_id: str) -> None:
        """Give a registered command the id it had under another name, also as it is `shown`."""
        guild_id = shown.get("guild_id")
        kept = bot.commands[None if guild_id is None else int(guild_id)][shown["name"], shown["type"]]
        kept["id"] = shown["id"] = command_id

    def response(self, interaction_id: int) -> list[Json]:
        """The bot's answers to an interaction so far: the original response, then the follow-ups."""
        record = self._backend.interactions[interaction_id]
        ids = ([record.message_id] if record.message_id else []) + list(record.followup_ids)
        stored = self._backend.messages.get(record.channel_id, {})
        return [_public(serializers.message_payload(self._backend, stored[i])) for i in ids if i in stored]

    def is_thinking(self, interaction_id: int) -> bool:
        record = self._backend.interactions[interaction_id]
        return not record.responded or (record.loading and record.modal is None)

    # -- REST ---------------------------------------------------------------------------------------------------

    def bot_of_request(self, authorization: str | None, path: str) -> BotAccount | None:
        """Who is calling: by bot token, or by the token in a webhook's or interaction's path."""
        if authorization is not None and authorization.startswith("Bot "):
            return self.bots.get(authorization.removeprefix("Bot "))
        parts = path.strip("/").split("/")
        if len(parts) >= 3 and parts[0] == "interactions":
            return self._interaction_owner.get(int(parts[1]))
        if len(parts) >= 3 and parts[0] == "webhooks":
            owners = {str(bot.application_id): bot for bot in self.bots.values()}
            return owners.get(parts[1]) or next(iter(self.bots.values()), None)
        return None

    def request(
        self,
        bot: BotAccount,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        files: tuple[Upload, ...] = (),
        query: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> Any:
        """Answer one REST call; DiscordRefusal when Discord would say no."""
        uploads: list[Any] = [
            SimpleNamespace(fp=io.BytesIO(file.content), filename=file.filename, description=None) for file in files
        ]
        if form is not None:
            parts = [{"name": name, "value": value} for name, value in form.items()]
            body, uploads = router.parse_form(parts, uploads)
        with self._acting_as(bot):
            try:
                answer = router.dispatch(
                    self._backend,
                    method,
                    path,
                    json=body,
                    params=dict(query or {}),
                    files=uploads,
                    reason=reason,
                )
            except BackendError as error:
                raise DiscordRefusal(error.status, error.to_json()) from error
            finally:  # simcord keeps a log of everything for its own assertions; a long run must not grow
                self._backend.http_requests.clear()
                self._backend.transcript.clear()
            if path == "/oauth2/applications/@me" and bot.owner_id is not None:
                answer = {**answer, "owner": serializers.user_payload(self._backend.get_user(bot.owner_id))}
        return None if answer is None else _public(answer)

    def upload(self, channel_id: int, file: Upload, resolved: Json) -> str:
        """A file that somebody gives to a command, which is added to the command's `resolved` data; its id."""
        return str(
            simcord.interactions.store_interaction_attachment(
                self._backend, channel_id, file.filename, file.content, resolved
            )
        )

    def suggestions(self, interaction_id: int) -> list[str] | None:
        """What the bot offers for an option that is being typed; None as long as it has not answered."""
        offered = self._backend.interactions[interaction_id].autocomplete_choices
        return None if offered is None else [str(choice["value"]) for choice in offered]

    def attachment(self, url_path: str) -> bytes | None:
        """A file on the CDN, by the path of its URL."""
        blob: bytes | None = self._backend.cdn.get(_SIMCORD_CDN + url_path)
        return blob

    @contextmanager
    def _acting_as(self, bot: BotAccount) -> Iterator[None]:
        """simcord knows one bot at a time; its calls are synchronous, so it can be told which per call."""
        backend = self._backend
        before = backend.bot_user, backend.application_id, backend.commands
        backend.bot_user, backend.application_id, backend.commands = (
            bot.user,
            bot.application_id,
            bot.commands,
        )
        try:
            yield
        finally:
            backend.bot_user, backend.application_id, backend.commands = before

    def _announce(self, event: str, payload: Mapping[str, Any]) -> None:
        body = _public(payload)
        if self._held is not None:
            self._held.append((event, body))
            return
        for listener in list(self.listeners):
            listener(event, body)

    @contextmanager
    def announced_later(self) -> Iterator[None]:
        """What changes within is announced at the end of it."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for event, payload in held:
                self._announce(event, payload)


def _public(payload: Any) -> Any:
    """A deep copy as JSON would make it, with the CDN under its real name."""
    return json.loads(json.dumps(payload).replace(_SIMCORD_CDN, CDN))


def _json(payload: Any) -> Json:
    public: Json = _public(payload)
    return public
