"""What a server's admins may change of its own settings file: everything but what is the operator's."""

from collections.abc import Mapping
from typing import Any

from bot.errors import Refused
from bot.language import say

from .config_file import ConfigFile
from .keys import ServerKeys, is_operator_only, leaves, operators_part, server_keys
from .load import PluginModels
from .source import KeyPath, parse


class AdminSettings:
    """Reads and changes servers' own files for their admins; a change is in force for a server's next call."""

    def __init__(self, source: ConfigFile, plugins: PluginModels) -> None:
        self._source = source
        self._plugins = plugins

    def text(self, guild_id: int) -> str:
        """Return a server's own file, empty when it has none; ConfigError."""
        return self._source.server_text(guild_id)

    async def change(self, guild_id: int, changes: Mapping[KeyPath, Any]) -> None:
        """Set keys in a server's own file, or take them out (`bot.config.edit.ABSENT`); ConfigError, and Refused for
        what is the operator's."""

        def check() -> None:
            keys = self._keys()
            for path in changes:
                if is_operator_only(path, keys):
                    raise Refused(say("Only the bot's operator can change `{key}`.", key=".".join(path)))

        await self._source.change(guild_id, changes, check)

    async def replace(self, guild_id: int, text: str) -> None:
        """Replace a server's own file, except for the operator's settings in it. ConfigError; Refused when the text
        contains a setting that only the operator may change."""
        file = self._source.server_file(guild_id)

        def kept() -> dict[KeyPath, Any]:
            keys = self._keys()
            theirs = operators_part(parse(file, self._source.last_text(guild_id)).data, keys)
            absent = {path[:2] for path in theirs if keys.is_of_no_plugin(path)}
            for path, _ in leaves(parse(file, text).data, keys):
                if is_operator_only(path, keys) or path[:2] in absent:
                    name = ".".join(path)
                    raise Refused(say("Only the bot's operator can change `{key}`. Remove it from the file.", key=name))
            return theirs

        await self._source.replace(guild_id, text, kept)

    def _keys(self) -> ServerKeys:
        return server_keys(self._plugins, self._source.config.host.locked)
