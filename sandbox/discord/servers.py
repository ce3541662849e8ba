"""Servers with their channels and members, as owners and moderators make and change them.

Like `model`, whose World is built upon it, this stands on simcord's model, parts of which are not its documented API.
"""

import datetime

from simcord.backend import Backend
from simcord.backend.errors import BackendError
from simcord.backend.models import Overwrite
from simcord.backend.permissions import flag
from simcord.enums import ChannelType, OverwriteType


class Servers:
    """What stands on the servers. Every change is announced by the model beneath."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create_text_channel(self, guild_id: int, name: str) -> int:
        return int(self._backend.create_channel(guild_id, name, type=ChannelType.TEXT).id)

    def create_voice_channel(self, guild_id: int, name: str, *, bitrate: int = 64_000) -> int:
        """`bitrate` is in bit/s."""
        return int(self._backend.create_channel(guild_id, name, type=ChannelType.VOICE, bitrate=bitrate).id)

    def create_stage_channel(self, guild_id: int, name: str) -> int:
        return int(self._backend.create_channel(guild_id, name, type=ChannelType.STAGE_VOICE).id)

    def create_forum(self, guild_id: int, name: str) -> int:
        return int(self._backend.create_channel(guild_id, name, type=ChannelType.FORUM).id)

    def create_category(self, guild_id: int, name: str) -> int:
        return int(self._backend.create_channel(guild_id, name, type=ChannelType.CATEGORY).id)

    def create_thread(self, channel_id: int, name: str, user_id: int) -> int:
        return int(self._backend.create_thread(channel_id, name, user_id).id)

    def delete_channel(self, channel_id: int) -> None:
        self._backend.delete_channel(channel_id)

    def remove_guild(self, guild_id: int) -> None:
        self._backend.remove_guild(guild_id)

    def archive(self, thread_id: int) -> None:
        """As a moderator does, and Discord after a while in which nobody writes."""
        self._backend.edit_channel(thread_id, {}, thread_metadata={"archived": True})

    def lock(self, thread_id: int) -> None:
        """As a moderator does: nobody writes there any more who may not manage threads."""
        self._backend.edit_channel(thread_id, {}, thread_metadata={"locked": True, "archived": True})

    def user_limit(self, channel_id: int) -> int:
        """How many may be in a voice channel; 0 is any number."""
        channel = self._backend.channels.get(channel_id)
        return 0 if channel is None else int(channel.user_limit or 0)

    def set_user_limit(self, channel_id: int, limit: int) -> None:
        """0 is any number."""
        self._backend.edit_channel(channel_id, {"user_limit": limit})

    def set_bitrate(self, channel_id: int, bitrate: int) -> None:
        """In bit/s."""
        self._backend.edit_channel(channel_id, {"bitrate": bitrate})

    def set_afk_channel(self, guild_id: int, channel_id: int) -> None:
        """Where members are moved who do nothing."""
        self._backend.edit_guild(guild_id, {"afk_channel_id": channel_id})

    def afk_channel(self, guild_id: int) -> int | None:
        """The channel of that kind, if a server has one."""
        channel_id = self._backend.guilds[guild_id].afk_channel_id
        return None if channel_id is None else int(channel_id)

    def add_member(self, guild_id: int, user_id: int) -> None:
        self._backend.add_member(guild_id, user_id, announce=True)

    def rename(self, guild_id: int, user_id: int, nick: str) -> None:
        """A member's name on a server."""
        self._backend.edit_member(guild_id, user_id, {"nick": nick})

    def time_out(self, guild_id: int, user_id: int, until: datetime.datetime | None) -> None:
        """A moderator times a member out, or no longer."""
        told = None if until is None else until.isoformat()
        self._backend.edit_member(guild_id, user_id, {"timed_out_until": told})

    def deny(self, channel_id: int, user_id: int, *permissions: str) -> None:
        """Overwrite a member's permissions in a channel; with none named, lift the overwrite."""
        denied = 0
        for name in permissions:
            denied |= flag(name)
        self._backend.set_overwrite(channel_id, Overwrite(target_id=user_id, type=OverwriteType.MEMBER, deny=denied))

    def grant(self, guild_id: int, user_id: int, *permissions: str) -> int:
        """A role with these permissions for a member; the role's id."""
        granted = 0
        for name in permissions:
            granted |= flag(name)
        role = self._backend.create_role(guild_id, name="granted", permissions=granted)
        self._backend.add_member_role(guild_id, user_id, role.id)
        return int(role.id)

    def permits(self, guild_id: int, user_id: int, channel_id: int, *permissions: str) -> bool:
        """Whether a member has all of `permissions` in a channel."""
        try:
            held = self._backend.compute_permissions(guild_id, user_id, channel_id)
        except BackendError:
            return False
        return all(held & flag(name) for name in permissions)

    def takes_messages(self, channel_id: int) -> bool:
        """Whether messages can be posted into a channel at all; what is not there is refused otherwise."""
        channel = self._backend.channels.get(channel_id)
        return channel is None or channel.type not in (ChannelType.CATEGORY, ChannelType.FORUM)

    def is_closed_to(self, channel_id: int, user_id: int) -> bool:
        """Whether a channel is a locked thread that a user may not write into."""
        channel = self._backend.channels.get(channel_id)
        meta = getattr(channel, "thread_metadata", None)
        if channel is None or meta is None or not meta.locked:
            return False
        return not self.permits(int(channel.guild_id or 0), user_id, channel.parent_id or channel_id, "manage_threads")
