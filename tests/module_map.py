"""The map of every module in docs/architecture.md, made from the modules' own first sentences: `make map`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
HEADING = "## Every module of `bot/`\n"


def module_map(package: Path) -> Iterator[str]:
    """Lines of Markdown: a table for each folder of a package, with what every module in it is for."""
    for folder in sorted({file.parent for file in package.rglob("*.py")}):
        yield f"### `{folder.relative_to(package.parent).as_posix()}/`"
        yield ""
        if (first := _summary(folder / "__init__.py")) is not None:
            yield first
            yield ""
        yield "| Module | What it is |"
        yield "|---|---|"
        for file in sorted(folder.glob("*.py")):
            if file.name != "__init__.py":
                yield f"| `{file.stem}` | {_summary(file) or ''} |"
        yield ""


def documented(text: str) -> str:
    """An architecture document with its map as it should be."""
    before, _, _ = text.partition(HEADING)
    return before + HEADING + "\n" + "\n".join(module_map(ROOT / "bot")).rstrip() + "\n"


def _summary(file: Path) -> str | None:
    """The first paragraph of a module's docstring, in one line; None where there is none."""
    docstring = ast.get_docstring(ast.parse(file.read_text())) if file.exists() else None
    return None if docstring is None else " ".join(docstring.partition("\n\n")[0].split())


def main() -> int:
    """Write the map anew."""
    DOCUMENT.write_text(documented(DOCUMENT.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
