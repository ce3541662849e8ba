"""The pytest plugin: `parley` opens a plugin's server, in memory or, with `--parley-sandbox`, with everything real.

`server = await parley(FOLDER, setting=value)`; what a plugin fails at fails its test, unless the test has taken it out
of `server.failures`. `server_language="de"` is no setting of the plugin, but the language of the server in Discord. The
tests need pytest-asyncio.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

#: An entry point of this group offers another kind of server, by its name.
ENTRY_POINTS = "parley.testing"

#: pytest loads this beside every test of anybody's where Parley is installed. Without pytest-asyncio the fixture fails
#: where it is used, and pytest says what it lacks.
_fixture: Any = import_module("pytest_asyncio" if find_spec("pytest_asyncio") else "pytest").fixture

Opener = Callable[..., Awaitable[Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--parley-sandbox` to pytest."""
    parser.addoption("--parley-sandbox", action="store_true", help="run calls for real, in a sandbox on this machine")


@_fixture  # type: ignore[untyped-decorator]
async def parley(request: pytest.FixtureRequest) -> AsyncIterator[Opener]:
    """Open played servers, which are closed at the end of the test."""
    from .server import PlayedServer  # not before: pytest loads this module beside tests that have no use for it

    kind: Any = PlayedServer
    if request.config.getoption("--parley-sandbox"):
        found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if "sandbox" not in found:
            pytest.skip("Parley's sandbox is not here: install Parley with its extra `sandbox`")
        kind = found["sandbox"].load()
    async with contextlib.AsyncExitStack() as servers:
        opened: list[Any] = []

        async def open_server(folder: Path, *, server_language: str = "en-US", **settings: Any) -> Any:
            server = await kind.open(Path(folder), settings, server_language)
            servers.push_async_callback(server.close)
            opened.append(server)
            return server

        yield open_server
        for server in opened:
            assert not server.failures, f"the plugin failed: {server.failures}"
