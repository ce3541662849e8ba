"""What a quick run leaves out, and nothing else: the other half of the whole suite."""

import pytest

from tests.quick import select


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a quick run has."""
    select(config, items, staged=True)
