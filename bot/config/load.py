"""Validate a source against the models: effective = built-in < defaults < server, errors with file, line and key."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import ConfigError, Problem
from bot.language import say

from .keys import is_below, server_keys
from .model import FOLDER, HostSettings, PluginSettings, ProviderSettings, ServerSettings, UncheckedSettings
from .source import NO_CONFIG, SERVERS, KeyPath, Source, is_server_id, overlay, read, read_all
from .validate import unknown_key, unknown_name, validate

P = TypeVar("P", bound=PluginSettings)
PluginModels = Mapping[str, type[PluginSettings]]


@dataclass(frozen=True, slots=True)
class Config:
    """All settings in force. Built by `load`; immutable, so that a call can keep the one it started with."""

    file: Path
    host: HostSettings
    #: Effective settings of the servers that are named, and of plugins by server and name; None is all other servers.
    named: Mapping[int, ServerSettings]
    blocks: Mapping[tuple[int | None, str], PluginSettings]
    #: The problems in servers' own files, by the server's id, and those that are only warnings.
    faults: Mapping[int, tuple[Problem, ...]] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    #: What servers' own files said when they had no mistake, by the server's id; laid over what the operator says.
    own: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    #: Servers whose own file has a mistake, and of which nothing good is known: no call is started there.
    unusable: frozenset[int] = frozenset()

    @property
    def ledger_file(self) -> Path:
        """The path of the ledger, which is written relative to the config file."""
        return self.file.parent / self.host.ledger.file

    @property
    def record_folder(self) -> Path | None:
        """The folder of the flight records, which is written relative to the config file; None when nothing is
        recorded."""
        return None if self.host.record is None else self.file.parent / self.host.record

    def server(self, guild_id: int) -> ServerSettings:
        """Return a server's effective settings; the defaults for one the file does not name."""
        return self.named.get(guild_id, self.host.defaults)

    def plugin(self, guild_id: int, name: str, model: type[P]) -> P:
        """Return a plugin's effective settings on a server."""
        return self.find(guild_id, name, model) or model()

    def block(self, guild_id: int, name: str) -> PluginSettings | None:
        """Return a plugin's effective settings on a server, whatever their model; None for a plugin nobody knows."""
        return self.blocks.get((guild_id if guild_id in self.named else None, name))

    def find(self, guild_id: int, name: str, model: type[P]) -> P | None:
        """Return a plugin's effective settings on a server; None when this config was not checked against the model."""
        found = self.block(guild_id, name)
        return found if isinstance(found, model) else None


def load(file: Path, plugins: PluginModels) -> Config:
    """Read and check a config file and the servers' own beside it; ConfigError with every problem in them."""
    return check(read_all(file), plugins)


def plugin_folders(file: Path) -> list[Path]:
    """Return where the config wants plugins to be looked for, before it can be checked against them; ConfigError."""
    named = read(file, NO_CONFIG).data.get("plugin_folders")
    if not isinstance(named, list):
        return []  # what is wrong with it is told when the rest is checked
    return [file.parent / folder for folder in named if isinstance(folder, str)]


def check(source: Source, plugins: PluginModels) -> Config:
    """Check what was read already; ConfigError with every problem."""
    problems: list[Problem] = []
    try:
        config = build(source, plugins)
        problems += config.warnings
    except ConfigError as error:
        problems += error.problems
    problems += [problem for found in source.faults.values() for problem in found]
    if problems:
        raise ConfigError(problems)
    return config


def build(source: Source, plugins: PluginModels, previous: Config | None = None) -> Config:
    """Build the config of a bot that has many servers; ConfigError for what is wrong in the config file itself.

    A mistake in one server's own file harms no other server. It is in `faults`: what that file said in the `previous`
    config holds on, or the server is `unusable`. Where that does not fit any more, all of the server's settings are as
    `previous` has them.
    """
    problems: list[Problem] = []
    host = validate(HostSettings, source.data, source, (), (), problems)
    builder = _Builder(source, plugins, _mapping(source.data.get("defaults")), problems)
    builder.add_names(None, builder.defaults, ("defaults",), source, problems)
    blocks = _mapping(source.data.get(SERVERS))
    for guild in [name for name in blocks if not is_server_id(name)]:
        place, key = source.place((SERVERS, guild)), f"{SERVERS}.{guild}"
        if all(problem.key != key for problem in problems):
            problems.append(Problem(place, key, say("must be a server's id, such as 123456789")))
    _check_locked(source, plugins, problems)
    guilds = {int(name) for name in blocks if is_server_id(name)} | set(source.own) | {g for g in source.faults if g}
    for guild_id in sorted(guilds):
        builder.add_server(guild_id, _mapping(blocks.get(str(guild_id))), previous)
    if problems or host is None:
        raise ConfigError(problems)
    named = HostSettings.model_validate({**source.data, SERVERS: builder.raw}, context={FOLDER: source.file.parent})
    faults = {guild_id: tuple(found) for guild_id, found in source.faults.items()}
    return Config(
        source.file,
        named,
        builder.servers,
        builder.blocks,
        faults,
        tuple(builder.warnings),
        builder.own,
        frozenset(builder.unusable),
    )


class _Builder:
    """Checks the settings server by server, and holds what is checked so far."""

    def __init__(
        self, source: Source, plugins: PluginModels, defaults: dict[str, Any], problems: list[Problem]
    ) -> None:
        self.defaults = defaults
        self.servers: dict[int, ServerSettings] = {}
        self.blocks: dict[tuple[int | None, str], PluginSettings] = {}
        self.raw: dict[str, dict[str, Any]] = {}  # what each server's own settings say, as written
        self.warnings: list[Problem] = []
        self.unusable: set[int] = set()
        self.own: dict[int, Mapping[str, Any]] = {}
        self._source = source
        self._plugins = plugins
        kinds = (ProviderSettings, UncheckedSettings)  # a provider that cannot be used for now is one all the same
        self._providers = [name for name, model in plugins.items() if issubclass(model, kinds)]
        self._problems = problems  # of the config file

    def add_server(self, guild_id: int, block: dict[str, Any], previous: Config | None) -> None:
        """Check a server's block in the config file, and its own file laid over that."""
        source, path = self._source, (SERVERS, str(guild_id))
        own = source.own.get(guild_id)
        if own is None and guild_id not in source.faults:
            self._merge(guild_id, block, source, self._problems)
            return
        found: list[Problem] = []
        if own is not None:
            self._merge(guild_id, overlay(block, own.data), source.below(path, own), found)
            own_problems = [problem for problem in found if problem.place.file == own.file]
            self._problems += [p for p in found if p not in own_problems and p not in self._problems]
            if not own_problems:
                self.own[guild_id] = own.data
                return
            source.faults[guild_id] = own_problems
        if previous is None or guild_id in previous.unusable:
            self.unusable.add(guild_id)
            self._merge(guild_id, block, source, self._problems)
            return
        before = self.own[guild_id] = previous.own.get(guild_id, {})  # the operator's part of it is as it is now
        found = []
        self._merge(guild_id, overlay(block, before), source, found)
        if not found:
            return
        self._merge(guild_id, block, source, self._problems)  # the operator's part may be wrong by itself
        self.warnings += [replace(problem, place=source.faults[guild_id][0].place) for problem in found]
        if guild_id in previous.named:
            self.servers[guild_id] = previous.server(guild_id)
            self._keep_blocks(guild_id, previous)
            self.raw[str(guild_id)] = previous.host.servers[guild_id].model_dump(exclude_unset=True)

    def _keep_blocks(self, guild_id: int, previous: Config) -> None:
        """Its plugins' last good settings; with new code of a plugin there may be another model of them."""
        for name, model in self._plugins.items():
            settings = previous.blocks.get((guild_id, name))
            if settings is None:
                continue
            if not isinstance(settings, model):
                settings = _as(model, settings)
            if settings is None:
                self.unusable.add(guild_id)
            else:
                self.blocks[guild_id, name] = settings

    def _merge(self, guild_id: int, block: dict[str, Any], source: Source, problems: list[Problem]) -> None:
        path = (SERVERS, str(guild_id))
        merged = overlay(self.defaults, block)
        settings = validate(ServerSettings, merged, source, path, ("defaults",), problems)
        if settings is not None:
            self.servers[guild_id] = settings
            self.raw[str(guild_id)] = block
        self.add_names(guild_id, merged, path, source, problems)

    def add_names(
        self,
        guild_id: int | None,
        block: dict[str, Any],
        path: KeyPath,
        source: Source,
        problems: list[Problem],
    ) -> None:
        """Check the provider's name and the plugins' blocks. A server's own file may outlive a plugin: that is a
        warning, not a mistake."""
        unknown: list[Problem] = []
        where, provider = (*path, "provider"), block.get("provider")
        if isinstance(provider, str) and provider not in self._providers and where in source.places:
            unknown.append(unknown_name(source.place(where), where, provider, self._providers))
        configured = _mapping(block.get("plugins"))
        for name in configured:
            where = (*path, "plugins", name)
            if name not in self._plugins and where in source.places:
                unknown.append(unknown_key(source.place(where), where, name, self._plugins))
        for problem in unknown:
            (problems if problem.place.file == source.file else self.warnings).append(problem)
        for name, model in self._plugins.items():
            below, fallback = (*path, "plugins", name), ("defaults", "plugins", name)
            settings = validate(model, _mapping(configured.get(name)), source, below, fallback, problems)
            if settings is not None:
                self.blocks[guild_id, name] = settings


def _check_locked(source: Source, plugins: PluginModels, problems: list[Problem]) -> None:
    """Report entries of `locked` that are not settings, since they would lock nothing."""
    known = {".".join(key.path[:length]) for key in server_keys(plugins).values() for length in range(1, 9)}
    unchecked = tuple(f"plugins.{name}" for name, model in plugins.items() if issubclass(model, UncheckedSettings))
    named = source.data.get("locked")
    for number, name in enumerate(named if isinstance(named, list) else ()):
        if isinstance(name, str) and name not in known and not is_below(name, unchecked):
            path = ("locked", str(number))
            problems.append(unknown_key(source.place(path), path, name, dict.fromkeys(known)))


def _as(model: type[PluginSettings], settings: PluginSettings) -> PluginSettings | None:
    """Return what was said in one model, in another; None when that does not take it."""
    try:
        return model.model_validate(settings.model_dump(exclude_unset=True))
    except Exception:  # a plugin's validator may raise anything
        return None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
