"""A server on a Discord in this process, for tests of commands."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.plugins.voicebot.commands.host import Server, playing


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with playing(tmp_path) as server:
        yield server
