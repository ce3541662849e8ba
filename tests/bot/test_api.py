"""The plugin API holds still: what it lists is what is committed, and what it offers works for a plugin."""

import ast
from pathlib import Path

import pytest

from bot import api
from bot.bridge import activity
from bot.call import speaker_attribution
from tests.api_listing import LISTING, listing

ROOT = Path(__file__).parents[2]


def test_it_is_what_was_written_down() -> None:
    """A name or an argument that is new, gone, or another one: `make api` writes the listing anew. What may change
    within a version, `bot/api.py` says; anything else is a new `API_VERSION`."""
    assert listing() == LISTING.read_text(), "run `make api`, and read what has changed for plugins"


def test_every_name_is_there_once_and_nothing_else_is_public() -> None:
    assert len(set(api.__all__)) == len(api.__all__)
    imported = {name for name in vars(api) if name[0] not in "_@"}
    assert imported == set(api.__all__)


@pytest.mark.parametrize("file", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_plugins_import_nothing_else_of_the_bot(file: Path) -> None:
    """Not in functions either, which the linter would not see."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            assert node.module == "bot.api" or node.module.split(".")[0] != "bot", f"{file}:{node.lineno}"
        elif isinstance(node, ast.Import):
            assert all(name.name.split(".")[0] != "bot" for name in node.names), f"{file}:{node.lineno}"


def test_what_is_offered_of_calls_neither_stops_the_bot_nor_changes_the_ledger() -> None:
    """`shutdown`, the closer and the ledger are the bot's own."""
    members = listing().split("class Calls(")[1].split("\n\n")[0]
    assert "def of_guild" in members
    for own in ("shutdown", "ledger", "closer", "recover"):
        assert own not in members
    assert "def run" not in listing().split("class Call(")[1].split("\n\n")[0]


def test_a_line_waits_for_as_long_as_sound_calls_somebody_silent() -> None:
    assert speaker_attribution.HANGOVER == activity.HANGOVER
