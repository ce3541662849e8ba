"""The display names of people on each server, as Discord told them last.

discord.py keeps a member's name as it was when it first saw them, unless the bot has the privileged intent for members;
but voice states and interactions carry the member as they are now
(https://discord.com/developers/docs/resources/voice#voice-state-object). Pure.
"""

import json
from typing import Any

#: Names that are remembered, the latest ones.
MAX_NAMES = 20_000
_VOICE_STATE = '"VOICE_STATE_UPDATE"'


class Names:
    """Display names by server and user."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def of(self, guild_id: int, user_id: int) -> str | None:
        """Return the newest name that is known; None when nothing was heard of them."""
        return self._names.get((guild_id, user_id))

    def learn(self, guild_id: int, user_id: int, name: str) -> None:
        """Note what somebody is called now."""
        self._names.pop((guild_id, user_id), None)
        self._names[guild_id, user_id] = name
        if len(self._names) > MAX_NAMES:
            del self._names[next(iter(self._names))]

    def learn_from_gateway(self, message: str) -> None:
        """Learn from one of the gateway's messages, as it came; most say nothing of names, and cost a search for a
        word."""
        if _VOICE_STATE not in message[:200] and _VOICE_STATE not in message[-200:]:
            return
        try:
            body = json.loads(message)
            if body["t"] != "VOICE_STATE_UPDATE":
                return
            data, member = body["d"], body["d"]["member"]
            self.learn(int(data["guild_id"]), int(data["user_id"]), _name(member))
        except (ValueError, KeyError, TypeError):  # in a direct call there is no member
            return


def _name(member: dict[str, Any]) -> str:
    user = member["user"]
    return str(member.get("nick") or user.get("global_name") or user["username"])
