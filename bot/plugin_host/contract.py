"""Checks a plugin's class against the interface before it is used: misspelt hooks, hooks that cannot be called."""

import difflib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from .plugin import Plugin

#: What a provider's `connect` is called with.
CONNECT = ("settings", "network", "account")
#: Every hook by name.
HOOKS = tuple(name for name in vars(Plugin) if name.startswith("on_"))


def problems(plugin: type[Plugin[Any]]) -> list[str]:
    """Return what is wrong with a plugin's class, each as `method: what and what to do`."""
    found = []
    for name, method in _own_methods(plugin):
        if hasattr(method, "__cog_listener__"):  # discord.py's own events
            continue
        if name not in HOOKS:
            close = difflib.get_close_matches(name, HOOKS, n=1)
            hint = f"did you mean {close[0]}? " if close else f"there are: {', '.join(HOOKS)}. "
            found.append(f"{name}: no hook has that name; {hint}Discord's own events need @commands.Cog.listener()")
        elif not inspect.iscoroutinefunction(method):
            found.append(f"{name}: a hook is `async def`")
        elif not _callable_like(method, getattr(Plugin, name)):
            expected = ", ".join(inspect.signature(getattr(Plugin, name)).parameters)
            found.append(f"{name}: it is called with ({expected})")
    if plugin.connect is not None and not _takes(plugin.connect, CONNECT):
        found.append(f"connect: it is called with ({', '.join(CONNECT)})")
    return found


def _own_methods(plugin: type[Plugin[Any]]) -> Iterator[tuple[str, Any]]:
    """Return what looks like a hook in the class and in those of its bases that are not ours."""
    for base in plugin.__mro__:
        if base in Plugin.__mro__:
            continue
        for name, value in vars(base).items():
            if name.startswith("on_") and inspect.isfunction(value):
                yield name, value


def _callable_like(method: Any, hook: Any) -> bool:
    """Whether a method takes the arguments the hook is called with, by position."""
    return _takes(method, inspect.signature(hook).parameters)


def _takes(method: Any, arguments: Iterable[str]) -> bool:
    try:
        inspect.signature(method).bind(*arguments)
    except (TypeError, ValueError):  # ValueError: it is written in C
        return False
    return True
