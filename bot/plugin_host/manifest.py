"""`plugin.yaml`: what a plugin says about itself before any code of it runs."""

from pathlib import Path
from typing import Annotated

import discord
from pydantic import Field, field_validator

from bot.config.model import Settings
from bot.config.source import read
from bot.config.validate import validate
from bot.errors import ConfigError, Place, Problem

FILE = "plugin.yaml"
#: The version of the plugin API (`bot.api`) that this Parley offers.
API_VERSION = 1


class Manifest(Settings):
    """What a plugin says about itself in plugin.yaml: name, version, and what it needs and keeps."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{1,31}$", description="as in config files; the folder has the same")
    version: str = Field(pattern=r"^\d+\.\d+(\.\d+)?", description="of the plugin")
    api: int = Field(ge=1, description="of the interface it was written for")
    description: str = Field(min_length=1, max_length=200, description="what people get, in a sentence")
    author: str = Field("", max_length=100)
    provider: bool | None = Field(
        None, description="whether it opens sessions; what does not is left out where sessions are only ended"
    )
    permissions: tuple[str, ...] = Field((), description="what the bot needs in the text channel, by Discord's names")
    stores: Annotated[str, Field(max_length=500)] = Field(
        "Nothing.", description="what it keeps about people, where and for how long"
    )

    @field_validator("permissions")
    @classmethod
    def _check_permissions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in discord.Permissions.VALID_FLAGS:
                raise ValueError(f"{name!r} is no permission of Discord's, such as send_messages")
        return value


def read_manifest(folder: Path) -> Manifest:
    """Read a plugin folder's manifest; ConfigError with every problem, an unknown interface version among them."""
    source = read(folder / FILE)
    problems: list[Problem] = []
    manifest = validate(Manifest, source.data, source, (), (), problems)
    if manifest is not None and manifest.api != API_VERSION:
        problems.append(Problem(source.place(("api",)), "api", _wrong_version(manifest)))
    if manifest is None or problems:
        raise ConfigError(problems or [Problem(Place(folder / FILE, 1), "", "cannot be used")])
    return manifest


def _wrong_version(manifest: Manifest) -> str:
    way_out = "update Parley" if manifest.api > API_VERSION else "install a newer version of the plugin"
    return f"it was written for plugin interface {manifest.api}, this Parley has {API_VERSION}; {way_out}"
