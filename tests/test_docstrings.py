"""Docstrings are sentences: one of fewer than five words explains nothing. That there is one, ruff sees to."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FEWEST = 5  # words
FILES = sorted(file for package in ("bot", "plugins") for file in (ROOT / package).rglob("*.py"))

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module


def too_short(source: str) -> Iterator[str]:
    """Names of what has a docstring of too few words, with the docstring."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, Documented):
            continue
        docstring = ast.get_docstring(node)
        if docstring is not None and len(docstring.split()) < FEWEST:
            yield f"{getattr(node, 'name', 'the module')}: {docstring}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_docstring_is_a_sentence(file: Path) -> None:
    assert list(too_short(file.read_text())) == []


def test_a_fragment_is_found() -> None:
    source = 'class Call:\n    """One call."""\n\n    def end(self):\n        """End the call for this reason."""\n'
    assert list(too_short(source)) == ["Call: One call."]
