"""A YAML file as plain data, with the place of every key remembered for error messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ConfigError, Place, Problem
from bot.language import say

KeyPath = tuple[str, ...]  # of keys, from the top of the file
MAX_BYTES = 1_000_000
#: Values that a file may expand to by its aliases, each costing a moment wherever they are looked at.
MAX_VALUES = 20_000


@dataclass(slots=True)
class Source:
    """The data of config files, and where each key of it stands."""

    file: Path
    data: dict[str, Any]
    places: dict[KeyPath, Place] = field(default_factory=dict)
    #: The files that hold one server each, by the server's id, and what is wrong with those that cannot be read; names
    #: of no server are under 0.
    own: "dict[int, Source]" = field(default_factory=dict)
    faults: dict[int, list[Problem]] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """Return where a key stands, or the nearest key above it that the file has."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file, 1))

    def below(self, path: KeyPath, own: "Source") -> "Source":
        """Return these places, and those of another file as if its data stood at a path of this one."""
        there = {(*path, *key): place for key, place in own.places.items()}
        return Source(self.file, self.data, {**self.places, path: Place(own.file, 1), **there})


SERVERS = "servers"
#: Where `parley` looks when no other file is named.
DEFAULT_CONFIG = Path("config.yaml")
NO_CONFIG = "; `parley example` prints one with every setting, and an empty one will do"


def server_files(file: Path) -> list[Path]:
    """Return the files beside a config file that hold one server each: `servers/<server id>.yaml`."""
    return sorted((file.parent / SERVERS).glob("*.yaml"))


#: What stands in each file, or why it cannot be read.
Texts = dict[Path, "str | ConfigError"]


def read_texts(file: Path) -> Texts:
    """Read a config file and the servers' own beside it, as they are on disk."""
    texts: Texts = {}
    for one in (file, *server_files(file)):
        try:
            texts[one] = read_text(one, NO_CONFIG if one == file else "")
        except ConfigError as error:
            texts[one] = error
    return texts


def assemble(file: Path, texts: Mapping[Path, "str | ConfigError"]) -> Source:
    """Parse the texts of config files; ConfigError for the config file alone. What is wrong with servers' own is in
    `faults`."""
    source = _parsed(file, texts[file])
    for own in sorted(texts.keys() - {file}):
        if not is_server_id(own.stem):
            problem = Problem(Place(own, 1), "", say("must be named after a server's id, such as 123456789.yaml"))
            source.faults.setdefault(0, []).append(problem)
            continue
        try:
            source.own[int(own.stem)] = _parsed(own, texts[own])
        except ConfigError as error:
            source.faults[int(own.stem)] = error.problems
    for misnamed in sorted((file.parent / SERVERS).glob("*.yml")):
        problem = Problem(Place(misnamed, 1), "", say("must end in .yaml to be read"))
        source.faults.setdefault(0, []).append(problem)
    return source


def _parsed(file: Path, text: "str | ConfigError") -> Source:
    if isinstance(text, ConfigError):
        raise text
    return parse(file, text)


def read_all(file: Path) -> Source:
    """Read and parse a config file, and the servers' own files beside it; ConfigError for the config file alone."""
    return assemble(file, read_texts(file))


def is_server_id(name: str) -> bool:
    """Return whether a key is a server's id. "01" would be 1 as well, and so would digits of other scripts; ids have 64
    bits (Discord docs, Snowflakes)."""
    digits = name.isascii() and name.isdecimal() and not name.startswith("0") and len(name) <= 20
    return digits and int(name) < 1 << 64


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one block over another, key by key."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def read(file: Path, hint: str = "") -> Source:
    """Parse a file; ConfigError when it cannot be read, is not YAML, or says the same key twice.

    `hint` is added to the error for a file that does not exist.
    """
    return parse(file, read_text(file, hint))


def read_text(file: Path, hint: str = "") -> str:
    """Read the text of a file; ConfigError when it cannot be read. `hint` is added when the file does not exist."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _too_large(file)
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError.at(Place(file, 1), f"there is no such file{hint}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError.at(Place(file, 1), say("cannot be read: {why}", why=reason)) from error
    except UnicodeDecodeError as error:
        raise ConfigError.at(Place(file, 1), say("is not UTF-8 text")) from error


def parse(file: Path, text: str) -> Source:
    """Parse the text of a file; ConfigError."""
    if len(text.encode()) > MAX_BYTES:
        raise _too_large(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1)
        tab = "\\t" in str(error)
        why = say("indent with spaces, not with tabs") if tab else str(error.problem)
        raise ConfigError.at(place, say("not valid YAML: {why}", why=why)) from error
    except RecursionError as error:
        raise _too_deep(file) from error
    except yaml.YAMLError as error:  # a character that YAML allows nowhere
        why = say("a control character in it")
        raise ConfigError.at(Place(file, 1), say("not valid YAML: {why}", why=why)) from error
    source = Source(file, {})
    if root is None:
        return source
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError.at(Place(file, 1), say("expected `key: value` lines at the top"))
    try:
        source.data = _Builder(source).mapping(root, ())
    except RecursionError as error:  # an alias inside of what it stands for goes on for ever
        raise _too_deep(file) from error
    return source


def _too_large(file: Path) -> ConfigError:
    return ConfigError.at(Place(file, 1), say("is larger than {limit} bytes", limit=MAX_BYTES))


def _too_deep(file: Path) -> ConfigError:
    return ConfigError.at(Place(file, 1), say("nested too deeply; settings go five levels deep"))


class _Builder:
    """Turns YAML nodes into data, one scalar at a time by the safe loader's own rules."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loader = yaml.SafeLoader("")
        self._nodes = 0

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = Place(self._source.file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError.at(place, say("a key must be plain text"), ".".join(path))
            key = str(key_node.value)
            if key in result:
                raise ConfigError.at(place, say("is set twice; this is the second time"), ".".join((*path, key)))
            self._source.places[(*path, key)] = place
            result[key] = self._value(value_node, (*path, key), place)
        return result

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        place = self._source.places[path] = Place(
            self._source.file, node.start_mark.line + 1, node.start_mark.column + 1
        )
        return self._value(node, path, place)

    def _value(self, node: yaml.Node, path: KeyPath, place: Place) -> Any:
        self._nodes += 1
        if self._nodes > MAX_VALUES:  # an alias bomb expands here
            raise ConfigError.at(place, say("expands to too many values"), ".".join(path))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, str(number))) for number, item in enumerate(node.value)]
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError.at(place, say("cannot be read as a value"), ".".join(path)) from error
