"""Validate a source against the models: effective = built-in < defaults < server, errors with file, line and key."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import ConfigError, Problem
from bot.language import say

from .keys import server_keys
from .model import HostSettings, PluginSettings, ServerSettings
from .source import NO_CONFIG, Path_, Source, overlay, read, read_all
from .validate import unknown_key, validate

P = TypeVar("P", bound=PluginSettings)
PluginModels = Mapping[str, type[PluginSettings]]


@dataclass(frozen=True, slots=True)
class Config:
    """All settings in force. Built by `load`; immutable, so that a call can keep the one it started with."""

    file: Path
    host: HostSettings
    _servers: Mapping[int, ServerSettings]
    _plugins: Mapping[tuple[int | None, str], PluginSettings]

    @property
    def ledger_file(self) -> Path:
        """Relative to the config file."""
        return self.file.parent / self.host.ledger.file

    def server(self, guild_id: int) -> ServerSettings:
        """A server's effective settings; the defaults for one the file does not name."""
        return self._servers.get(guild_id, self.host.defaults)

    def plugin(self, guild_id: int, name: str, model: type[P]) -> P:
        """A plugin's effective settings on a server."""
        return self.find(guild_id, name, model) or model()

    def block(self, guild_id: int, name: str) -> PluginSettings | None:
        """A plugin's effective settings on a server, whatever their model; None for a plugin nobody knows."""
        return self._plugins.get((guild_id if guild_id in self._servers else None, name))

    def find(self, guild_id: int, name: str, model: type[P]) -> P | None:
        """The same; None when this config was not checked against the model."""
        scope = guild_id if guild_id in self._servers else None
        found = self._plugins.get((scope, name))
        return found if isinstance(found, model) else None


def load(file: Path, plugins: PluginModels) -> Config:
    """Read and check a config file and the servers' own beside it; ConfigError with every problem in them."""
    return check(read_all(file), plugins)


def plugin_folders(file: Path) -> list[Path]:
    """Where the config wants plugins to be looked for, before it can be checked against them; ConfigError."""
    named = read(file, NO_CONFIG).data.get("plugin_folders")
    if not isinstance(named, list):
        return []  # what is wrong with it is told when the rest is checked
    return [file.parent / folder for folder in named if isinstance(folder, str)]


def check(source: Source, plugins: PluginModels) -> Config:
    """Check data that was read already."""
    problems: list[Problem] = []
    host = validate(HostSettings, source.data, source, (), (), problems)
    if host is None:
        raise ConfigError(problems)
    defaults = _mapping(source.data.get("defaults"))
    servers: dict[int, ServerSettings] = {}
    blocks: dict[tuple[int | None, str], PluginSettings] = {}
    _check_plugins(None, defaults, ("defaults",), source, plugins, blocks, problems)
    for guild, own in _mapping(source.data.get("servers")).items():
        path = ("servers", guild)
        if not guild.isdecimal() or guild.startswith("0"):  # "01" would be 1 as well
            message = say("must be a server's id, such as 123456789")
            problems.append(Problem(source.place(path), ".".join(path), message))
            continue
        merged = overlay(defaults, _mapping(own))
        settings = validate(ServerSettings, merged, source, path, ("defaults",), problems)
        if settings is not None:
            servers[int(guild)] = settings
            _check_plugins(int(guild), merged, path, source, plugins, blocks, problems)
    _check_locked(host, source, plugins, problems)
    if problems:
        raise ConfigError(problems)
    return Config(source.file, host, servers, blocks)


def _check_plugins(
    guild_id: int | None,
    block: dict[str, Any],
    path: Path_,
    source: Source,
    plugins: PluginModels,
    found: dict[tuple[int | None, str], PluginSettings],
    problems: list[Problem],
) -> None:
    configured = _mapping(block.get("plugins"))
    for name in configured:
        if name not in plugins:
            where = (*path, "plugins", name)
            if where in source.places:
                problems.append(unknown_key(source.place(where), where, name, plugins))
    for name, model in plugins.items():
        below = (*path, "plugins", name)
        fallback = ("defaults", "plugins", name)
        settings = validate(model, _mapping(configured.get(name)), source, below, fallback, problems)
        if settings is not None:
            found[guild_id, name] = settings


def _check_locked(host: HostSettings, source: Source, plugins: PluginModels, problems: list[Problem]) -> None:
    """A lock on what does not exist would lock nothing."""
    known = {".".join(key.path[:length]) for key in server_keys(plugins).values() for length in range(1, 9)}
    for number, name in enumerate(host.locked):
        if name not in known:
            path = ("locked", str(number))
            problems.append(unknown_key(source.place(path), path, name, dict.fromkeys(known)))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
