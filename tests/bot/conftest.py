"""Plugins of one name in several folders: each test sees its own."""

from collections.abc import Iterator

import pytest

from tests.support import forget_plugins


@pytest.fixture(autouse=True)
def _forget_plugins() -> Iterator[None]:
    yield
    forget_plugins()
