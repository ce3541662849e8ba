"""Edits one server's YAML: only the given keys change, comments and order are kept, and all of it or nothing is done.

ruamel.yaml keeps comments, quotes and order, which PyYAML does not.
"""

import copy
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from bot.errors import ConfigError, Place
from bot.language import say

from .source import KeyPath, parse

#: As a value: take the key out of the file, so that the default holds again.
ABSENT = object()


def changed(file: Path, text: str, changes: Mapping[KeyPath, Any]) -> str:
    """Return a file's text with some keys set or removed; ConfigError when the text is not valid YAML."""
    parse(file, text)  # its errors are clearer
    yaml = _yaml()
    try:
        data = yaml.load(text)
    except YAMLError as error:
        raise ConfigError.at(Place(file, 1), say("cannot be edited by a machine; correct it by hand")) from error
    if data is None:
        data = CommentedMap()
    for path, value in changes.items():
        if value is ABSENT:
            _remove(data, path)
        else:
            _block(data, path[:-1], CommentedMap)[path[-1]] = _escaped(value)
    if not data:
        made = _comments_of(text)
    else:
        out = io.StringIO()
        yaml.dump(data, out)
        made = out.getvalue()
    _check_nothing_else_changed(file, text, made, changes)
    return made


def _check_nothing_else_changed(file: Path, before: str, after: str, changes: Mapping[KeyPath, Any]) -> None:
    """Raise ConfigError when an edit has touched more than it was asked to: it goes through the structure of YAML,
    where one block may stand for several."""
    expected: Any = copy.deepcopy(parse(file, before).data)
    for path, value in changes.items():
        if value is ABSENT:
            _remove(expected, path)
        else:
            _block(expected, path[:-1], dict)[path[-1]] = value
    try:
        found = parse(file, after).data
    except ConfigError:
        found = None
    if found != parse(file, pyyaml.safe_dump(expected)).data:
        raise ConfigError.at(
            Place(file, 1), say("cannot be edited by a machine without changing something else; correct it by hand")
        )


def write(file: Path, text: str) -> tuple[int, int]:
    """Put a text in place of a file in one step, on disk before it is visible; OSError leaves the old one.

    When it was written, in nanoseconds, and its size in bytes, as they are of this text and no later one.
    """
    file.parent.mkdir(exist_ok=True)
    file = file.resolve()  # a link stays one
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        os.chmod(name, mode)
        status = os.stat(name)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    return status.st_mtime_ns, status.st_size


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml


def _block(data: Any, path: KeyPath, kind: type[dict[Any, Any]]) -> Any:
    """Return the block at a path, made of `kind` where there is none, with those above it."""
    for key in path:
        below = data.get(key)
        if not isinstance(below, dict):
            below = data[key] = kind()
        data = below
    return data


def _escaped(value: Any) -> Any:
    """Text that would be read as something else is quoted.

    ruamel.yaml leaves Unicode's own line breaks as they are, which are read as a space, and writes `no` and `1:30` as
    YAML 1.2 does; PyYAML reads them as YAML 1.1: false, and 90.
    """
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(below) for key, below in value.items()}
    if isinstance(value, str) and (any(mark in value for mark in "\x85\u2028\u2029") or not _is_itself(value)):
        return DoubleQuotedScalarString(value)
    return value


def _is_itself(text: str) -> bool:
    """Whether a text without quotes is read back as the same text."""
    try:
        return bool(pyyaml.safe_load(text) == text)
    except (pyyaml.YAMLError, ValueError):
        return False


def _remove(data: Any, path: KeyPath) -> None:
    """Remove a key, and the blocks above it that are empty then."""
    if not isinstance(data, dict) or path[0] not in data:
        return
    if len(path) > 1:
        _remove(data[path[0]], path[1:])
        if data[path[0]]:
            return
    del data[path[0]]


def _comments_of(text: str) -> str:
    """Return the comments of a file that has no settings left."""
    return "".join(line + "\n" for line in text.splitlines() if line.lstrip().startswith("#"))
