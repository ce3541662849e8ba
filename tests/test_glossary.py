"""One word for each idea: the glossary in CONTRIBUTING names the words that are not used in its place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for folder in ("bot", "plugins") for file in (ROOT / folder).rglob("*.py"))


def other_words(text: str) -> dict[str, str]:
    """The words of the last column, with the one that stands for their idea."""
    table = re.search(r"^\| Word \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert table is not None
    found: dict[str, str] = {}
    for row in table.group().splitlines()[2:]:
        if row:
            word, _, others = [cell.strip() for cell in row.strip("|").split("|")]
            found |= {other: word for other in others.split(", ") if other}
    return found


def names(source: str) -> Iterator[str]:
    """Every name that the source gives to something."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def docstrings(source: str) -> Iterator[str]:
    """Every docstring; a level in decibels is no data base."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield re.sub(r"\bdB\b", "", ast.get_docstring(node) or "")


def words(name: str) -> set[str]:
    """The words that a name is made of, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


OTHERS = other_words((ROOT / "CONTRIBUTING.md").read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_one_idea_has_one_word(file: Path) -> None:
    found = {name: OTHERS[word] for name in names(file.read_text()) for word in words(name) & OTHERS.keys()}
    assert found == {}, "the glossary has another word for these"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_one_idea_has_one_word_in_sentences_too(file: Path) -> None:
    said = {word for text in docstrings(file.read_text()) for word in re.findall(r"[a-z]+", text.lower())}
    assert {word: OTHERS[word] for word in said & OTHERS.keys()} == {}, "the glossary has another word for these"


def test_the_glossary_is_read() -> None:
    assert len(OTHERS) > 10
    assert OTHERS["invoice"] == "receipt"
    assert words("SessionInvoice_of_theServer") == {"session", "invoice", "of", "the", "server"}
    assert set(names("class A:\n def b(self, c): self.d = e = 1")) == {"A", "b", "self", "c", "d", "e"}
