"""What docs/plugins.md tells people to write can be used as it stands."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from bot.plugin_host.catalog import Catalog
from bot.plugin_host.contract import HOOKS
from bot.plugin_host.manifest import FILE

TEXT = Path("docs/plugins.md").read_text()


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


def test_the_settings_that_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "plugin.yaml").write_text(block("is read before any code runs:\n"))
    (folder / "__init__.py").write_text(block("## Settings\n"))
    catalog = Catalog.load([tmp_path])
    assert catalog.broken == []
    assert catalog.models["dice"]().model_dump() == {"enabled": True, "sides": 6}


def test_the_package_that_is_shown_is_found_when_it_is_installed(tmp_path: Path) -> None:
    """Installed as its pyproject.toml says, without the build backend, which would have to be downloaded."""
    project = tomllib.loads(block("beside the package this `pyproject.toml`:\n"))
    (package,) = project["tool"]["setuptools"]["packages"]
    assert FILE in project["tool"]["setuptools"]["package-data"][package], "the wheel would lack it"
    ((name, module),) = project["project"]["entry-points"]["parley.plugins"].items()
    assert module == package
    folder, info = tmp_path / package, tmp_path / f"{package}-1.0.0.dist-info"
    folder.mkdir()
    (folder / FILE).write_text(block("is read before any code runs:\n"))
    (folder / "__init__.py").write_text(block("`__init__.py`:\n"))
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['project']['name']}\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(f"[parley.plugins]\n{name} = {module}\n")
    (tmp_path / "config.yaml").write_text("")
    command = [sys.executable, "-m", "bot", "plugins", "list", "--config", str(tmp_path / "config.yaml")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    listed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert re.search(r"dice +1\.0\.0", listed.stdout), listed.stdout + listed.stderr
    assert Catalog.load([tmp_path]).broken == [], "`parley plugins check` takes its folder, too"


def test_every_hook_is_described() -> None:
    """In the table of hooks, and not only in passing."""
    rows = "\n".join(row.split(" | ")[0] for row in TEXT.splitlines() if row.startswith("| `on_"))
    assert [hook for hook in HOOKS if f"`{hook}" not in rows] == []


def test_authors_are_sent_to_no_module_but_the_api() -> None:
    allowed = {"bot.api", "bot.api.py", "bot.testing", "bot.testing.conformance"}
    named = {name.rstrip("./").replace("/", ".") for name in re.findall(r"\bbot[./][a-z_./]+", TEXT)}
    assert named <= allowed
    assert "bot.api" in named
