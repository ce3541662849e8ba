"""From pydantic's errors to problems: file, line, key, what was seen, what was expected, the nearest valid key."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.errors import Place, Problem
from bot.language import Text, mark, say
from bot.text import redact

from .model import ENV_NAME_EXPECTED, FOLDER
from .source import KeyPath, Source

#: What people read in place of pydantic's words, by the beginning of its error's type; names in it are of its context.
#: Source: https://docs.pydantic.dev/latest/errors/validation_errors/
_EXPECTED = {
    "int": mark("expected a whole number"),
    "float": mark("expected a number"),
    "finite_number": mark("expected a number"),
    "bool": mark("expected true or false"),
    "string_type": mark("expected text"),
    "tuple": mark("expected a list, such as [1, 2]"),
    "list": mark("expected a list, such as [1, 2]"),
    "model": mark("expected a block of `key: value` lines"),
    "dict": mark("expected a block of `key: value` lines"),
    "greater_than_equal": mark("expected at least {ge}"),
    "greater_than": mark("expected more than {gt}"),
    "less_than_equal": mark("expected at most {le}"),
    "literal_error": mark("expected one of {expected}"),
    "missing": mark("is missing"),
}

#: Values as Python writes them, and as people know them from a config file.
_AS_YAML = {"None": say("nothing"), "True": "true", "False": "false"}

M = TypeVar("M", bound=BaseModel)


def validate(
    model: type[M], data: Any, source: Source, path: KeyPath, fallback: KeyPath, problems: list[Problem]
) -> M | None:
    """Validate `data`, which stands at `path` of a source or was inherited from `fallback`; None adds to `problems`."""
    try:
        return model.model_validate(data, context={FOLDER: source.file.parent})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = tuple(str(part) for part in detail["loc"] if part != "[key]")
            full = _written(source, (*path, *where), (*fallback, *where))
            _add(problems, _problem(model, source.place(full), full, where, detail["type"], detail))
        return None
    except Exception as error:  # pydantic lets all but ValueError through, and a plugin's validators are not ours
        full = _written(source, path, fallback)
        message = say("the plugin's own check failed: {error}; its author can fix it", error=type(error).__name__)
        _add(problems, Problem(source.place(full), ".".join(full), message))
        return None


def _written(source: Source, own: KeyPath, shared: KeyPath) -> KeyPath:
    """Where a setting is written that may stand in either place."""
    return own if own in source.places or shared not in source.places else shared


def _add(problems: list[Problem], problem: Problem) -> None:
    """Add a problem once: a wrong default shows up again under every server."""
    if problem not in problems:
        problems.append(problem)


def unknown_key(place: Place, full: KeyPath, key: str, valid: Mapping[str, Any]) -> Problem:
    """Make the problem of a key that is not among the valid ones."""
    close = difflib.get_close_matches(key, valid, n=1)
    if close:
        return Problem(place, ".".join(full), say("unknown key; did you mean `{key}`?", key=close[0]))
    tops = ", ".join(sorted(name for name in valid if "." not in name))
    return Problem(place, ".".join(full), say("unknown key; valid here: {keys}", keys=tops))


def unknown_name(place: Place, full: KeyPath, name: str, installed: Sequence[str]) -> Problem:
    """Make the problem of a plugin that is not among those that could stand here."""
    close = difflib.get_close_matches(name, installed, n=1)
    if close:
        message = say("{name} is not installed; did you mean `{key}`?", name=repr(name), key=close[0])
    else:
        message = say("{name} is not installed; there are: {keys}", name=repr(name), keys=", ".join(installed) or "-")
    return Problem(place, ".".join(full), message)


def _problem(model: type[BaseModel], place: Place, full: KeyPath, where: KeyPath, kind: str, detail: Any) -> Problem:
    if kind == "extra_forbidden":
        return unknown_key(place, full, where[-1], _keys_at(model, where[:-1]))
    message = _expected(kind, detail)
    seen = detail.get("input")
    secret = message == ENV_NAME_EXPECTED  # then the value is what must not be shown
    if not secret and kind != "missing" and not isinstance(seen, dict | list):
        message = say("{expected}, got {seen}", expected=message, seen=_shown(seen))
    return Problem(place, ".".join(full), message)


def _shown(seen: Any) -> str:
    """Return a value as people read it."""
    try:
        text = repr(seen)
    except ValueError:  # a number of thousands of digits
        return say("a number of thousands of digits")
    return _AS_YAML.get(text, redact(text))


def _expected(kind: str, detail: Any) -> str:
    """Say what should be there, in pydantic's own words where we have none."""
    context = detail.get("ctx", {})
    own = context.get("error")
    if isinstance(own, ValueError) and own.args and isinstance(own.args[0], Text):  # a validator of ours raised it
        return own.args[0]
    template = next((words for beginning, words in _EXPECTED.items() if kind.startswith(beginning)), None)
    if template is None:
        message = str(detail["msg"]).removeprefix("Value error, ")
        return message[:1].lower() + message[1:]
    if "expected" in context:
        context = {"expected": str(context["expected"]).replace(" or ", ", ")}
    return say(template, **context)


def _keys_at(model: type[BaseModel], path: KeyPath) -> Mapping[str, Any]:
    """Return the keys a model has at a path below it, through nested models and dicts of models."""
    for key in path:
        field = model.model_fields.get(key)
        candidates = list(models_in(field.annotation)) if field is not None else []
        if candidates:
            model = candidates[0]
    return model.model_fields


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Iterate over the models that a value of a kind may be, or may have in it: of `list[A] | None`, A."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)
