"""What docs/plugins.md tells people to write can be used as it stands."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.plugin_host.catalog import Catalog
from bot.plugin_host.contract import HOOKS

TEXT = Path("docs/plugins.md").read_text()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("parley_plugins")]:
        del sys.modules[name]


def block(after: str) -> str:
    """The indented block behind a line."""
    behind = TEXT.split(after, 1)[1]
    found = re.search(r"(?:^(?: {4}.*)?\n)+", behind.lstrip("\n"), re.MULTILINE)
    assert found is not None
    return re.sub(r"^ {4}", "", found[0], flags=re.MULTILINE)


def test_the_first_plugin(tmp_path: Path) -> None:
    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "plugin.yaml").write_text(block("is read before any code runs:\n"))
    (folder / "__init__.py").write_text(block("`__init__.py`:\n"))
    catalog = Catalog.load([tmp_path])
    assert catalog.broken == []
    assert catalog.classes["dice"].name == "dice"


def test_the_first_plugin_passes_the_test_that_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "plugin.yaml").write_text(block("is read before any code runs:\n"))
    (folder / "__init__.py").write_text(block("`__init__.py`:\n"))
    (folder / "test_dice.py").write_text(block("what the plugin fails at fails the test:\n"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_every_hook_is_described() -> None:
    assert [hook for hook in HOOKS if f"`{hook}" not in TEXT] == []
