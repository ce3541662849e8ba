"""Every key a server may have, flat: for `/voicebot settings`, and for who may change what."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from .model import OPERATOR, PluginSettings, ServerSettings
from .source import KeyPath
from .validate import models_in

PLUGINS = "plugins"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. If it is an `operator` one, it can be changed in the host's files only."""

    path: KeyPath
    description: str
    default: Any
    operator: bool

    @property
    def dotted(self) -> str:
        """The key as people write it: `limits.server.minutes_per_day`."""
        return ".".join(self.path)


class ServerKeys(dict[str, Key]):
    """Settings by dotted path, in the models' order; `locked` are those the operator keeps, each with all below it."""

    def __init__(self, keys: Iterable[Key], locked: tuple[str, ...]) -> None:
        super().__init__(
            (key.dotted, replace(key, operator=key.operator or is_below(key.dotted, locked))) for key in keys
        )
        self.locked = locked
        self._plugins = {key.path[1] for key in self.values() if key.path[0] == PLUGINS}

    def is_of_no_plugin(self, path: KeyPath) -> bool:
        """Whether a path is below `plugins:` under an unknown name. That may be a provider that is not installed now,
        whose settings are the operator's."""
        return len(path) > 1 and path[0] == PLUGINS and path[1] not in self._plugins


def server_keys(plugins: Mapping[str, type[PluginSettings]], locked: tuple[str, ...] = ()) -> ServerKeys:
    """Return the settings of a server. What `locked` names is the operator's, and so are the blocks that say so
    themselves."""
    found = list(_keys(ServerSettings, ()))
    for name, model in plugins.items():
        locked = (*locked, f"{PLUGINS}.{name}") if model.operator_only else locked
        found += _keys(model, (PLUGINS, name))
    return ServerKeys(found, locked)


def is_below(dotted: str, tops: tuple[str, ...]) -> bool:
    """Return whether a key is one of `tops` or stands below one."""
    return any(dotted == top or dotted.startswith(top + ".") for top in tops)


def is_operator_only(path: KeyPath, keys: ServerKeys) -> bool:
    """Return whether a key is the operator's, or stands in a block of theirs, or is a block with something of theirs in
    it.

    In a block of theirs that is so of keys nobody knows, too: a plugin that cannot be used now may know them later.
    """
    if is_below(".".join(path), keys.locked):
        return True
    tops = {".".join(path[:length]) for length in range(1, len(path) + 1)}
    below = f"{'.'.join(path)}."
    return any(key.operator and (dotted in tops or dotted.startswith(below)) for dotted, key in keys.items())


def operators_part(data: Mapping[str, Any], keys: ServerKeys) -> dict[KeyPath, Any]:
    """Return what of the data of a server's own file only the operator may change."""
    return {
        path: value for path, value in leaves(data, keys) if is_operator_only(path, keys) or keys.is_of_no_plugin(path)
    }


def leaves(data: Mapping[str, Any], keys: Mapping[str, Key], above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Iterate over the settings in a server's data, each with its path; a key that nobody knows is one, too."""
    for name, value in data.items():
        path = (*above, str(name))
        if isinstance(value, Mapping) and ".".join(path) not in keys:
            yield from leaves(value, keys, path)
        else:
            yield path, value


def _keys(model: type[BaseModel], above: KeyPath, operator: bool = False) -> Iterator[Key]:
    """`operator`: the block as a whole is theirs."""
    for name, field in model.model_fields.items():
        path, theirs = (*above, name), operator or is_operators(field)
        if path == (PLUGINS,):
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, path, theirs)
        else:
            theirs = theirs or _holds_operators(field.annotation)
            yield Key(path, field.description or "", default_of(field), theirs)


def _holds_operators(annotation: Any, seen: frozenset[type[BaseModel]] = frozenset()) -> bool:
    """Whether a value of this kind, such as a list of blocks, has something of the operator's in it."""
    models = set(models_in(annotation)) - seen
    fields = [field for model in models for field in model.model_fields.values()]
    return any(is_operators(field) or _holds_operators(field.annotation, seen | models) for field in fields)


def as_written(value: Any) -> Any:
    """Return a setting's value as plain data, as a config file says it; secrets as asterisks."""
    if isinstance(value, BaseModel):
        return {key: as_written(below) for key, below in value if below is not None}
    if isinstance(value, Mapping):
        return {as_written(key): as_written(below) for key, below in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [as_written(item) for item in value]
    return to_jsonable_python(value, fallback=str)


def is_operators(field: FieldInfo) -> bool:
    """Return whether a field is marked as the operator's."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and extra.items() >= OPERATOR.items()


def default_of(field: FieldInfo) -> Any:
    """Return the value that a field has when nobody sets it."""
    found = field.get_default(call_default_factory=True, validated_data={})
    return None if found is PydanticUndefined else found
