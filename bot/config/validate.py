"""From pydantic's errors to problems: file, line, key, what was seen, what was expected, the nearest valid key."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.errors import Place, Problem
from bot.text import redact

from .model import ENV_NAME_EXPECTED
from .source import Path_, Source

#: What people read in place of pydantic's words, by the beginning of its error's type.
_EXPECTED = {
    "int": "expected a whole number",
    "float": "expected a number",
    "finite_number": "expected a number",
    "bool": "expected true or false",
    "string_type": "expected text",
    "tuple": "expected a list, such as [1, 2]",
    "list": "expected a list, such as [1, 2]",
    "model": "expected a block of `key: value` lines",
    "dict": "expected a block of `key: value` lines",
}

M = TypeVar("M", bound=BaseModel)


def validate(
    model: type[M], data: Any, source: Source, path: Path_, fallback: Path_, problems: list[Problem]
) -> M | None:
    """`data`, which stands at `path` of a source or was inherited from `fallback`; None adds to `problems`."""
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


def unknown_key(place: Place, full: Path_, key: str, valid: Mapping[str, Any]) -> Problem:
    """A key that is not among the valid ones."""
    close = difflib.get_close_matches(key, valid, n=1)
    tops = sorted(name for name in valid if "." not in name)
    hint = f"did you mean `{close[0]}`?" if close else f"valid here: {', '.join(tops)}"
    return Problem(place, ".".join(full), f"unknown key; {hint}")


def _problem(model: type[BaseModel], place: Place, full: Path_, where: Path_, kind: str, detail: Any) -> Problem:
    if kind == "extra_forbidden":
        return unknown_key(place, full, where[-1], _keys_at(model, where[:-1]))
    plainly = next((words for beginning, words in _EXPECTED.items() if kind.startswith(beginning)), None)
    message = plainly or str(detail["msg"]).removeprefix("Value error, ")
    seen = detail.get("input")
    secret = message == ENV_NAME_EXPECTED  # then the value is what must not be shown
    shown = "" if secret or isinstance(seen, dict | list) else f", got {redact(repr(seen))}"
    return Problem(place, ".".join(full), _decapitalised(message) + shown)


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


def _decapitalised(message: str) -> str:
    return message[:1].lower() + message[1:]
