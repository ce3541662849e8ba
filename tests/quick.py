"""`make quick`: every test that needs no stage, in a minute.

`python -m tests.quick` runs them, on two cores, and fails when they cover too little of the code; with arguments for
pytest it runs those tests, and counts nothing.

A test needs a stage when a fixture of `tests/stage.py` is among those it asks for, or when its module, or one of ours
that it imports, imports the sandbox, the voicebot or LiveKit's SDK. Nobody marks it by hand, and nothing of those is
imported.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.effort import FEWER_EXAMPLES

#: Set in the environment of a quick run.
QUICK = "PARLEY_QUICK"
ROOT = Path(__file__).parents[1]
STAGE = ROOT / "tests" / "stage.py"
#: Many of them wait, so there are more workers than cores.
SIDE_BY_SIDE = ("-n", "4", "--dist", "worksteal", "-p", "no:simcord", "-p", "no:parley")
#: They fail when they cover too little of the code; how much is enough is in `pyproject.toml`.
COVERAGE = ("--cov", "--cov-report=")
OURS = frozenset({"bot", "plugins", "tests"})
HEAVY = frozenset({"sandbox", "agent", "livekit"})


@cache
def needs_a_stage(file: Path) -> bool:
    """Whether what a module imports makes it heavy."""
    seen, waiting = set[Path](), [file]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        modules = imports(here)
        if any(module.partition(".")[0] in HEAVY for module in modules):
            return True
        waiting += [ours for module in modules for ours in _files(module)]
    return False


@cache
def imports(file: Path) -> list[str]:
    """What a module imports when it is imported itself, by whole names."""
    package = file.relative_to(ROOT).parent.parts
    found: list[str] = []
    for node in _at_import(ast.parse(file.read_text()).body):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{name.name}" for name in node.names)]
    return found


def _at_import(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import runs: of a module's `try`, `if` and `with` too, but for what only a type checker
    sees."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _at_import(statement.orelse)
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            for _, value in ast.iter_fields(statement):
                inside = value if isinstance(value, list) else []
                yield from _at_import([one for one in inside if isinstance(one, ast.stmt)])
                for handler in (one for one in inside if isinstance(one, ast.ExceptHandler)):
                    yield from _at_import(handler.body)


def _files(module: str) -> list[Path]:
    """The file of a module of ours, none of any other."""
    if module.partition(".")[0] not in OURS:
        return []
    path = ROOT.joinpath(*module.split("."))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]


@cache
def stage_fixtures() -> frozenset[str]:
    """The names of the fixtures in `tests/stage.py`, which is read and not imported."""
    functions = [node for node in ast.parse(STAGE.read_text()).body if isinstance(node, ast.AsyncFunctionDef)]
    return frozenset(node.name for node in functions if any("fixture" in ast.unparse(d) for d in node.decorator_list))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Do not even import a module that needs a stage."""
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return True if needs_a_stage(collection_path) else None
    return None


def item_needs_a_stage(item: pytest.Item) -> bool:
    """Whether a test asks for a stage, or its module needs one."""
    return bool(stage_fixtures() & set(getattr(item, "fixturenames", ()))) or needs_a_stage(item.path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that ask for a stage in a module that does not import one."""
    select(config, items, staged=False)


def select(config: pytest.Config, items: list[pytest.Item], *, staged: bool) -> None:
    """Leave only the tests that need a stage, or only those that need none."""
    by_need: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        by_need[item_needs_a_stage(item)].append(item)
    config.hook.pytest_deselected(items=by_need[not staged])
    items[:] = by_need[staged]


@pytest.fixture(autouse=True)
def _imports_nothing_heavy() -> Iterator[None]:
    """What is imported all the same, by a test or by a module of tests, makes every quick run slow."""
    yield
    assert not HEAVY & sys.modules.keys(), "a quick test must not import what a stage is made of"


def main() -> int:
    """Run them; pytest's exit code."""
    only = sys.argv[1:]  # a part of the tests covers a part of the code
    command = [sys.executable, "-m", "pytest", "-q", *SIDE_BY_SIDE, *(only or COVERAGE)]
    return subprocess.run(
        command, cwd=ROOT, env={**environment(), QUICK: "1", FEWER_EXAMPLES: "1"}, check=False
    ).returncode


def environment() -> dict[str, str]:
    """That of this process, in which Python may keep what it has compiled: each run compiles all of it otherwise."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


if __name__ == "__main__":
    sys.exit(main())
