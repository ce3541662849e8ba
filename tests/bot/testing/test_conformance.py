"""Every built-in plugin stands what every plugin must."""

from pathlib import Path

import pytest

from bot.testing import conformance

PLUGINS = sorted(file.parent for file in Path("plugins").glob("*/plugin.yaml"))


@pytest.mark.parametrize("check", conformance.CHECKS)
@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
async def test_built_in(folder: Path, check: str) -> None:
    assert await conformance.run(folder, conformance.CHECKS[check]) == []
