"""Plugins of one name in several folders: each test sees its own."""

import sys
from collections.abc import Iterator

import pytest

from bot.plugin_host.discovery import NAMESPACE


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith(f"{NAMESPACE}.")]:
        del sys.modules[name]
