"""Finds the channels and roles that a server's settings name, so that missing ones can be reported. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from .load import Config


@dataclass(frozen=True, slots=True)
class DiscordId:
    """A Discord id in a setting; `kind` is "channel" or "role"."""

    key: str
    kind: str
    id: int


def ids_in(config: Config, guild_id: int) -> Iterator[DiscordId]:
    """Return the ids in all of a server's settings, those of its plugins that are on included."""
    yield from _in(config.server(guild_id), "")
    scope = guild_id if guild_id in config.named else None
    for (server, plugin), settings in config.blocks.items():
        if server == scope and settings.enabled:
            yield from _in(settings, f"plugins.{plugin}.")


def _in(settings: BaseModel, above: str) -> Iterator[DiscordId]:
    for name, field in type(settings).model_fields.items():
        value, extra = getattr(settings, name), field.json_schema_extra
        if isinstance(value, BaseModel):
            yield from _in(value, f"{above}{name}.")
        elif isinstance(extra, Mapping) and "discord" in extra:
            yield from (DiscordId(f"{above}{name}", str(extra["discord"]), number) for number in _ids(value))


def _ids(value: Any) -> list[int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else list(value)
