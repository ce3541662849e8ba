"""`config.example.yaml` and the JSON Schema, made from the models, so that neither can lag behind them."""

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

from .keys import as_written, default_of
from .model import HostSettings, PluginSettings, ServerSettings

COLUMN = 38  # where comments begin
WIDTH = 120

HEADER = """\
# Parley's configuration. Every key is optional; what is shown is the default. `parley check config.yaml` names every
# mistake with its line. Secrets are never in here: they come from the environment. The file is watched: a good change
# takes effect for the next call, a mistake changes nothing. Made by `parley example`.
"""
FOOTER = """\
#  "123456789012345678":
#    voicebot: guide
#    voicebots: {guide: 66f0c1d2e3a4b5c6d7e8f901, poet: 66f0c1d2e3a4b5c6d7e8f902}
#    limits: {time_zone: Asia/Ho_Chi_Minh, server: {minutes_per_day: 60}}
#    plugins:
#      valsea: {api_key_env: VALSEA_API_KEY_MUSEUM}
#      transcript: {people: false}
"""


def example(plugins: Mapping[str, type[PluginSettings]], schema_file: str | None = None) -> str:
    """Return the whole example file, every key with its default and what it means; editors complete it by its schema in
    a file."""
    blocks = [HEADER.rstrip("\n")]
    if schema_file is not None:  # https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
        blocks.append(f"# yaml-language-server: $schema={schema_file}")
    for name, field in HostSettings.model_fields.items():
        lines = list(_field(name, field, getattr(HostSettings(), name), 0))
        if name == "defaults":
            lines += ["  plugins:"]
            for plugin, model in plugins.items():
                lines += [f"    {plugin}:"]
                lines += [line for key, item in model.model_fields.items() for line in _field(key, item, ..., 3)]
        if "" not in (line.strip() for line in lines) and (len(lines) > 1 or name == "servers"):
            lines.insert(0, "")
        blocks += lines
    return "\n".join(blocks) + "\n" + FOOTER


def schema(plugins: Mapping[str, type[PluginSettings]]) -> str:
    """Return the JSON Schema (draft 2020-12) of the config file, for editors."""
    server: Any = _server(plugins)
    host = create_model(
        "Parley",
        __base__=HostSettings,
        defaults=(server, server()),
        servers=(dict[str, server], {}),
    )
    return _as_text(host)


def server_schema(plugins: Mapping[str, type[PluginSettings]]) -> str:
    """Return the JSON Schema of a file with one server's settings, `servers/<server id>.yaml`."""
    return _as_text(_server(plugins))


def _server(plugins: Mapping[str, type[PluginSettings]]) -> type[BaseModel]:
    # Under names of our own, since a plugin may be called as something that pydantic's models have, such as `json`.
    fields: dict[str, Any] = {f"of_{name}": (model, Field(model(), alias=name)) for name, model in plugins.items()}
    blocks = create_model("Plugins", __base__=PluginSettings.__base__, **fields)
    return create_model("Server", __base__=ServerSettings, __doc__=ServerSettings.__doc__, plugins=(blocks, blocks()))


def _as_text(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(), indent=2, default=str, ensure_ascii=False) + "\n"


def _field(name: str, field: FieldInfo, value: Any, depth: int) -> Iterator[str]:
    if value is ...:
        value = default_of(field)
    if isinstance(value, BaseModel):
        summary = inspect.cleandoc(type(value).__doc__ or "").split("\n")[0].split(". ")[0]
        about = field.description or summary.rstrip(".")
        yield from _line(f"{name}:", _decapitalised(about), depth)
        for key, below in type(value).model_fields.items():
            if (name, key) != ("defaults", "plugins"):
                yield from _field(key, below, getattr(value, key), depth + 1)
    else:
        yield from _line(f"{name}: {_inline(value)}", _about(field), depth)


def _about(field: FieldInfo) -> str:
    """Describe a setting, and which values it takes where they are few or bounded."""
    about = field.description or ""
    bounds = {name: getattr(item, name) for item in field.metadata for name in ("ge", "le") if hasattr(item, name)}
    if get_origin(field.annotation) is Literal:
        about += f" (one of: {', '.join(map(str, get_args(field.annotation)))})"
    elif len(bounds) == 2 and "seconds" not in about:
        about += f", {bounds['ge']:g} to {bounds['le']:g}"
    return about


def _line(text: str, about: str, depth: int) -> Iterator[str]:
    indented = "  " * depth + text
    if not about:
        yield indented
    elif max(COLUMN, len(indented) + 2) + len(about) + 2 <= WIDTH:
        yield f"{indented:<{COLUMN - 1}} # {about}"
    elif len(indented) <= WIDTH:
        yield "  " * depth + f"# {about}"
        yield indented
    else:
        yield "  " * depth + f"# {about}"
        yield from textwrap.wrap(indented, WIDTH, subsequent_indent="  " * (depth + 1), break_long_words=False)


def _inline(value: Any) -> str:
    value = as_written(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").rstrip("\n")


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]
