"""Each package says what its modules are for, all of them, so that a newcomer knows where to begin."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent for file in (ROOT / "bot").rglob("__init__.py"))


def inside(package: Path) -> set[str]:
    """The names of its modules and packages."""
    modules = {file.stem for file in package.glob("*.py")} - {"__init__", "__main__"}
    return modules | {file.parent.name for file in package.glob("*/__init__.py")}


def named(package: Path) -> set[str]:
    """What its docstring names in backquotes."""
    return set(re.findall(r"`(\w+)`", ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_package_names_every_module_of_it(package: Path) -> None:
    assert sorted(inside(package) - named(package) - {"locales"}) == []


def test_no_package_names_a_module_that_is_gone() -> None:
    """What looks like the name of a module and is none is named here, so that it is meant."""
    others = {"parley", "record", "Config", "on_occupancy"}
    assert {name for package in PACKAGES for name in named(package) - inside(package) - others} == set()


@pytest.mark.parametrize(("source", "may_import"), [("plugins", {"bot.api"}), ("bot.bridge", {"bot.bridge"})])
def test_an_import_contract_knows_every_module_of_the_bot(source: str, may_import: set[str]) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    of_source = [one["forbidden_modules"] for one in contracts if one.get("source_modules") == [source]]
    (forbidden,) = [modules for modules in of_source if "bot.app" in modules]
    modules = {f"bot.{name}" for name in inside(ROOT / "bot")} - {"bot.locales"}
    assert set(forbidden) - {"plugins"} == modules - may_import
