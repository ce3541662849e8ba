"""Validate a source against the models: effective = built-in < defaults < server, errors with file, line and key."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.errors import ConfigError, Place, Problem

from .model import HostSettings, PluginSettings, ServerSettings
from .source import Path_, Source, read_all

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
        scope = guild_id if guild_id in self._servers else None
        found = self._plugins.get((scope, name))
        return found if isinstance(found, model) else model()


def load(file: Path, plugins: PluginModels) -> Config:
    """Read and check a config file and the servers' own beside it; ConfigError with every problem in them."""
    return check(read_all(file), plugins)


def check(source: Source, plugins: PluginModels) -> Config:
    """Check data that was read already."""
    problems: list[Problem] = []
    host = _validate(HostSettings, source.data, source, (), (), problems)
    if host is None:
        raise ConfigError(problems)
    defaults = _mapping(source.data.get("defaults"))
    servers: dict[int, ServerSettings] = {}
    blocks: dict[tuple[int | None, str], PluginSettings] = {}
    _check_plugins(None, defaults, ("defaults",), source, plugins, blocks, problems)
    for guild, own in _mapping(source.data.get("servers")).items():
        path = ("servers", guild)
        merged = _overlay(defaults, _mapping(own))
        settings = _validate(ServerSettings, merged, source, path, ("defaults",), problems)
        if settings is not None:
            servers[int(guild)] = settings
            _check_plugins(int(guild), merged, path, source, plugins, blocks, problems)
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
                problems.append(_unknown(source.place(where), where, name, plugins))
    for name, model in plugins.items():
        below = (*path, "plugins", name)
        fallback = ("defaults", "plugins", name)
        settings = _validate(model, _mapping(configured.get(name)), source, below, fallback, problems)
        if settings is not None:
            found[guild_id, name] = settings


M = TypeVar("M", bound=BaseModel)


def _validate(
    model: type[M], data: Any, source: Source, path: Path_, fallback: Path_, problems: list[Problem]
) -> M | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            where = tuple(str(part) for part in detail["loc"] if part != "[key]")
            own, shared = (*path, *where), (*fallback, *where)
            full = own if own in source.places or shared not in source.places else shared
            problem = _problem(model, source.place(full), full, where, detail["type"], detail)
            if problem not in problems:  # a wrong default shows up again under every server
                problems.append(problem)
        return None


def _problem(model: type[BaseModel], place: Place, full: Path_, where: Path_, kind: str, detail: Any) -> Problem:
    if kind == "extra_forbidden":
        return _unknown(place, full, where[-1], _keys_at(model, where[:-1]))
    message = str(detail["msg"]).removeprefix("Value error, ")
    seen = detail.get("input")
    shown = "" if isinstance(seen, dict | list) else f", got {seen!r}"
    return Problem(place, ".".join(full), _decapitalised(message) + shown)


def _unknown(place: Place, full: Path_, key: str, valid: Mapping[str, Any]) -> Problem:
    close = difflib.get_close_matches(key, valid, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"valid here: {', '.join(sorted(valid))}"
    return Problem(place, ".".join(full), f"unknown key; {hint}")


def _keys_at(model: type[BaseModel], path: Path_) -> Mapping[str, Any]:
    """The keys a model has at a path below it, through nested models and dicts of models."""
    for key in path:
        field = model.model_fields.get(key)
        candidates = list(_models_in(field.annotation)) if field is not None else []
        if candidates:
            model = candidates[0]
    return model.model_fields


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _decapitalised(message: str) -> str:
    return message[:1].lower() + message[1:]
