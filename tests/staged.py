"""What a quick run leaves out, and nothing else: the other half of the whole suite."""

import pytest

from tests.quick import item_needs_a_stage


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a quick run has."""
    config.hook.pytest_deselected(items=[item for item in items if not item_needs_a_stage(item)])
    items[:] = [item for item in items if item_needs_a_stage(item)]
