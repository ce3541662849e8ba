"""No class grows into a heap unnoticed: one with many attributes or parameters says why in its docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_ATTRIBUTES, MAX_PARAMETERS = 15, 7
FILES = sorted(file for folder in ("bot", "plugins") for file in (ROOT / folder).rglob("*.py"))


def is_data(node: ast.ClassDef) -> bool:
    """Whether its attributes are its purpose: a dataclass, a model of settings or messages, a protocol."""
    bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
    models = {"BaseModel", "Protocol", "Settings", "PluginSettings", "ProviderSettings"}
    return bool(bases & models) or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def targets(node: ast.AST) -> Iterator[ast.expr]:
    """What an assignment assigns to."""
    for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
        if isinstance(target, ast.Tuple):
            yield from target.elts
        elif isinstance(target, ast.expr):
            yield target


def attributes(node: ast.ClassDef) -> set[str]:
    """The names that its methods assign on `self`."""
    assignments = [n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AnnAssign | ast.AugAssign)]
    found = [target for assignment in assignments for target in targets(assignment)]
    return {t.attr for t in found if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self"}


def parameters(node: ast.ClassDef) -> int:
    """How many its constructor has, without `self`."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return len(method.args.args) + len(method.args.kwonlyargs) - 1
    return 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_class_that_is_large_says_why(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef) and not is_data(node):
            large = len(attributes(node)) > MAX_ATTRIBUTES or parameters(node) > MAX_PARAMETERS
            assert not large or "attributes" in (ast.get_docstring(node) or ""), f"{node.name}: cut it, or say why not"


def test_it_counts_what_methods_assign() -> None:
    (node,) = ast.parse("class A:\n def __init__(self, a, *, b):\n  self.a, self._b = a, b\n  self.c: int = 0").body
    assert isinstance(node, ast.ClassDef)
    assert (attributes(node), parameters(node)) == ({"a", "_b", "c"}, 2)
