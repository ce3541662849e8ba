"""What `parley plugins new` writes: a plugin that does something, and a test of it that passes."""

import importlib.util
import sys
from pathlib import Path

from bot.errors import PluginError

from .discovery import discover
from .manifest import API_VERSION, FILE, Manifest

_MANIFEST = """\
name: {name}
version: 0.1.0
api: {api}
description: Greets the person who starts a call, and counts what is said
author: You
provider: false
permissions: [view_channel, send_messages]
stores: Nothing.
"""

_CODE = '''\
"""Greets the person who starts a call, and counts what is said in it."""

from pydantic import Field

from bot.api import Call, Host, Plugin, PluginSettings, Receipt, TranscriptLine


class {title}Settings(PluginSettings):
    """What a server may set, under `plugins: {name}:`."""

    greeting: str = Field("Hello", max_length=100, description="the first word of every call")


class {title}Plugin(Plugin[{title}Settings]):
    """One instance serves all servers: keep what belongs to a call by its id, and forget it when the call ends."""

    name = "{name}"
    Settings = {title}Settings

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._lines: dict[str, int] = {{}}  # by call id

    async def on_call_started(self, call: Call) -> None:
        channel = self.host.get_channel(call.text_channel_id)
        if channel is not None:  # it may be deleted at any time
            await channel.send(f"{{self.settings(call.guild_id).greeting}}, <@{{call.starter_id}}>!")

    async def on_transcript(self, call: Call, line: TranscriptLine) -> None:
        if line.final:
            self._lines[call.id] = self._lines.get(call.id, 0) + 1

    async def on_call_ended(self, receipt: Receipt) -> None:
        lines = self._lines.pop(receipt.call_id, 0)
        channel = self.host.get_channel(receipt.text_channel_id)
        if channel is not None:
            await channel.send(f"{{lines}} lines were said.")


PLUGIN = {title}Plugin
'''

_TEST = '''\
"""Run it with `pytest`, or against a whole sandbox with `pytest --parley-sandbox`."""

from pathlib import Path

import pytest

from bot.testing import conformance

FOLDER = Path(__file__).parent


@pytest.mark.asyncio
async def test_it_greets_and_counts(parley):
    server = await parley(FOLDER, greeting="Welcome")
    await server.start(starter="Ann")
    await server.expect("Welcome, <@")
    await server.say("Ann", "When does the museum open tomorrow?")
    await server.end()
    await server.expect("1 lines were said.")


@pytest.mark.asyncio
@pytest.mark.parametrize("check", conformance.CHECKS)
async def test_it_passes_every_conformance_check(check):
    assert await conformance.run(FOLDER, conformance.CHECKS[check]) == []
'''


def write(name: str, parent: Path) -> list[Path]:
    """Write a new plugin into a folder of its own below `parent`; return the files. PluginError when the name is
    invalid or taken."""
    try:
        Manifest(name=name, version="0.1.0", api=API_VERSION, description="x")
    except ValueError as error:
        pattern = Manifest.model_json_schema()["properties"]["name"]["pattern"]
        raise PluginError(f"{name!r} cannot be a plugin's name: it must match {pattern}") from error
    if (known := discover([parent] if parent.is_dir() else []).found.get(name)) is not None:
        raise PluginError(f"there is a plugin {name} already, in {known.folder}; choose another name")
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise PluginError(f"{name} is a Python module, and pytest would take one for the other; choose another name")
    folder = parent / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise PluginError(f"{folder} is there already; choose another name, or another folder with --in") from None
    except OSError as error:
        raise PluginError(f"{folder} cannot be made: {error.strerror}") from error
    title = "".join(part.capitalize() for part in name.split("_"))
    texts = {
        FILE: _MANIFEST.format(name=name, api=API_VERSION),
        "__init__.py": _CODE.format(name=name, title=title),
        f"test_{name}.py": _TEST,
    }
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in texts]
