"""No class grows into a heap unnoticed: one with many attributes or parameters says why in its docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_ATTRIBUTES, MAX_PARAMETERS = 15, 7
FILES = sorted(file for folder in ("bot", "plugins") for file in (ROOT / folder).rglob("*.py"))


def is_data(node: ast.ClassDef) -> bool:
    """Whether its attributes are its purpose: a model of settings or messages, a protocol, a dataclass that does
    nothing."""
    bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
    models = {"BaseModel", "Protocol", "Settings", "PluginSettings", "ProviderSettings"}
    return bool(bases & models) or (_is_dataclass(node) and not any(_acts(member) for member in node.body))


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def _acts(member: ast.stmt) -> bool:
    """Whether it is a method that changes or does something, as far as its decorators and its name tell."""
    if not isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) or member.name.startswith("__"):
        return False
    tells = {ast.unparse(decorator) for decorator in member.decorator_list}
    return not tells & {"property", "classmethod", "staticmethod"}


def targets(node: ast.AST) -> Iterator[ast.expr]:
    """What an assignment assigns to."""
    for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
        if isinstance(target, ast.Tuple):
            yield from target.elts
        elif isinstance(target, ast.expr):
            yield target


def attributes(node: ast.ClassDef) -> set[str]:
    """The names that its methods assign on `self`, and the fields of a dataclass."""
    fields = {ast.unparse(m.target) for m in node.body if isinstance(m, ast.AnnAssign) and not _is_of_class(m)}
    assignments = [n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AnnAssign | ast.AugAssign)]
    found = [target for assignment in assignments for target in targets(assignment)]
    assigned = {t.attr for t in found if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self"}
    return assigned | (fields if _is_dataclass(node) else set())


def _is_of_class(member: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(member.annotation)


def _constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    return next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"), None)


def parameters(node: ast.ClassDef) -> int:
    """How many its constructor has, without `self`."""
    constructor = _constructor(node)
    return 0 if constructor is None else len(constructor.args.args) + len(constructor.args.kwonlyargs) - 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_class_that_is_large_says_why(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef) and not is_data(node):
            reasons = " ".join(ast.get_docstring(part) or "" for part in (node, _constructor(node)) if part is not None)
            for what, number, most in (
                ("attributes", len(attributes(node)), MAX_ATTRIBUTES),
                ("parameters", parameters(node), MAX_PARAMETERS),
            ):
                assert number <= most or what in reasons, f"{node.name} has {number} {what}: cut it, or say why not"


def test_it_counts_what_methods_assign() -> None:
    (node,) = ast.parse("class A:\n def __init__(self, a, *, b):\n  self.a, self._b = a, b\n  self.c: int = 0").body
    assert isinstance(node, ast.ClassDef)
    assert (attributes(node), parameters(node)) == ({"a", "_b", "c"}, 2)


def test_a_dataclass_that_only_holds_is_data_and_one_that_acts_is_not() -> None:
    holds, acts = ast.parse(
        "@dataclass\nclass A:\n a: int\n @property\n def b(self): ...\n"
        "@dataclass\nclass B:\n a: int\n c: ClassVar[int]\n def go(self): self.d = 1\n"
    ).body
    assert isinstance(holds, ast.ClassDef)
    assert isinstance(acts, ast.ClassDef)
    assert (is_data(holds), is_data(acts)) == (True, False)
    assert attributes(acts) == {"a", "d"}
