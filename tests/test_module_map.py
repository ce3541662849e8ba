"""The map of modules in the architecture document."""

from pathlib import Path

from tests.module_map import DOCUMENT, documented, module_map


def test_the_document_maps_every_module() -> None:
    """`make map` writes it anew."""
    text = DOCUMENT.read_text()
    assert text == documented(text)


def test_a_module_that_is_new_is_missed(tmp_path: Path) -> None:
    package = tmp_path / "bot"
    package.mkdir()
    (package / "__init__.py").write_text('"""The bot."""\n')
    (package / "call.py").write_text('"""One call,\nfrom beginning to end.\n\nAnd more."""\n')
    lines = list(module_map(package))
    assert lines[:2] == ["### `bot/`", ""]
    assert "The bot." in lines
    assert "| `call` | One call, from beginning to end. |" in lines
    assert not any("__init__" in line for line in lines)
