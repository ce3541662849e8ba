"""What a changed config changes, key by key, for the log."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.text import redact

from .load import Config

#: What is read only once, when the process starts.
AT_START = ("discord", "network", "ledger", "plugin_folders")


def changes(before: Config, after: Config) -> list[str]:
    """Return one line for each key that has changed: `servers.123.voicebot: 'guide' -> 'poet'`."""
    was, now = (config.host.model_dump(exclude_unset=True) for config in (before, after))
    return list(_differences((), was, now))


def needs_restart(before: Config, after: Config) -> list[str]:
    """Return the changed blocks that take effect only at the next start."""
    return [name for name in AT_START if getattr(before.host, name) != getattr(after.host, name)]


def _differences(path: tuple[str, ...], before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differences((*path, str(key)), before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif before != after:
        yield f"{'.'.join(path)}: {_shown(before)} -> {_shown(after)}"


class _Absent:
    """A key that is not there."""

    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _shown(value: Any) -> str:
    """Short, and without anything that looks like a secret that strayed into the file."""
    return redact(repr(value), 100)
