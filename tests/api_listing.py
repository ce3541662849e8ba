"""The plugin API as a text: every name a plugin may import, with what a plugin sees of it. `make api` writes it anew.

It is read from the source, as it stands there, so that every version of Python finds the same.
"""

import ast
import enum
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from bot import api
from bot.plugin_host.manifest import API_VERSION

LISTING = Path(__file__).parent / "bot" / "api.txt"
#: What a plugin is derived from, or raises: of everything else the constructor is the bot's own.
CONSTRUCTED = (api.Plugin, Exception)


def listing() -> str:
    """All of it, in the order of `bot.api.__all__`."""
    lines = [f"plugin API {API_VERSION}"]
    for name in api.__all__:
        lines += ["", *_described(name, getattr(api, name))]
    return "\n".join(lines) + "\n"


def _described(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield f"module {name} ({value.__name__})"
    elif inspect.isclass(value):
        yield f"class {name}({', '.join(base.__name__ for base in value.__bases__ if base is not object)})"
        yield from sorted({f"    {line}" for line in _members(value)})
    elif inspect.isfunction(value):
        node = next(node for node in _module(value).body if getattr(node, "name", "") == value.__name__)
        yield _signature(node, name)
    else:
        yield f"{name}: {type(value).__name__}"


def _members(kind: type) -> Iterator[str]:
    """The public ones that it has of Parley's classes."""
    seen: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.split(".")[0] != "bot":
            continue
        (node,) = [node for node in _module(base).body if isinstance(node, ast.ClassDef) and node.name == base.__name__]
        for member in [*node.body, *_attributes(node)]:
            name = _name(member)
            wanted = not name.startswith("_") or (name == "__init__" and issubclass(kind, CONSTRUCTED))
            if name and wanted and name not in seen:
                seen.add(name)
                yield _member(member, name, is_enum=issubclass(kind, enum.Enum))


def _attributes(node: ast.ClassDef) -> Iterator[ast.AnnAssign]:
    """What its constructor sets on `self`, as if it stood in the class."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            types = {
                argument.arg: argument.annotation for argument in ast.walk(method) if isinstance(argument, ast.arg)
            }
            for inner in ast.walk(method):
                targets = inner.targets if isinstance(inner, ast.Assign) else [getattr(inner, "target", None)]
                for target in targets if isinstance(inner, ast.Assign | ast.AnnAssign) else ():
                    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                        assert isinstance(inner, ast.Assign | ast.AnnAssign)
                        known = types.get(ast.unparse(inner.value)) if inner.value is not None else None
                        kind = inner.annotation if isinstance(inner, ast.AnnAssign) else known
                        yield ast.AnnAssign(ast.Name(target.attr), kind or ast.Name("..."), simple=1)


def _name(member: ast.stmt) -> str:
    if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
        return member.name
    if isinstance(member, ast.AnnAssign):
        return ast.unparse(member.target)
    return ast.unparse(member.targets[0]) if isinstance(member, ast.Assign) else ""


def _member(member: ast.stmt, name: str, *, is_enum: bool) -> str:
    if isinstance(member, ast.AnnAssign):
        return f"{name}: {ast.unparse(member.annotation)}"
    if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
        if "property" in map(ast.unparse, member.decorator_list):
            return f"{name}: {'' if member.returns is None else ast.unparse(member.returns)} (property)"
        return _signature(member, name)
    return name if is_enum else f"{name} = ..."


def _signature(node: ast.stmt, name: str) -> str:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"{'async ' * isinstance(node, ast.AsyncFunctionDef)}def {name}({ast.unparse(node.args)}){returns}"


def _module(value: Any) -> ast.Module:
    return _parsed(Path(inspect.getfile(value)))


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


if __name__ == "__main__":
    LISTING.write_text(listing())
    sys.exit(0)
