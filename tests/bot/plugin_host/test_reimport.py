"""A plugin's code imported anew: all of it or nothing, while calls go on."""

import asyncio
import sys
from pathlib import Path

import pytest

from bot.errors import PluginError
from bot.language import say
from bot.plugin_host import reimport
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.importing import PluginClass
from tests.bot.plugin_host.test_catalog import CODE, catalog
from tests.bot.plugin_host.test_discovery import GOOD, put


async def _taken(found: Catalog) -> PluginClass:
    new = await found.reimport("dice")
    new.take()
    return new.plugin


async def test_new_code_takes_the_place_of_the_old(tmp_path: Path) -> None:
    found = catalog(tmp_path)
    old = found.classes["dice"]
    (tmp_path / "dice" / "__init__.py").write_text(
        CODE.replace('"one"', '"two"').replace("sides: int = 6", "eyes: int = 9")
    )
    (tmp_path / "dice" / "plugin.yaml").write_text(GOOD.replace("1.2.0", "1.3.0"))
    models = found.models
    new = await _taken(found)
    assert (old.VERSION, new.VERSION) == ("one", "two")  # type: ignore[attr-defined]
    assert found.classes["dice"] is new
    assert found.found["dice"].manifest.version == "1.3.0"
    assert models is found.models  # whoever holds the mapping sees the new model
    assert list(models["dice"].model_fields) == ["enabled", "eyes"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("__init__.py", "def f(:\n"),
        ("__init__.py", "raise ValueError('no')\n"),
        ("__init__.py", "PLUGIN = None\n"),
        ("plugin.yaml", "name: [\n"),
        ("plugin.yaml", GOOD.replace("name: dice", "name: cards")),
        ("plugin.yaml", GOOD.replace("api: 1", "api: 2")),
    ],
)
async def test_new_code_that_cannot_be_used_changes_nothing(tmp_path: Path, file: str, text: str) -> None:
    found = catalog(tmp_path)
    old, modules = found.classes["dice"], {n: m for n, m in sys.modules.items() if n.startswith("parley_plugins.")}
    (tmp_path / "dice" / file).write_text(text)
    with pytest.raises(PluginError):
        await found.reimport("dice")
    assert found.classes["dice"] is old
    assert found.found["dice"].manifest.version == "1.2.0"
    assert {n: m for n, m in sys.modules.items() if n.startswith("parley_plugins.")} == modules


async def test_an_edit_within_the_same_second_is_seen(tmp_path: Path) -> None:
    """Python goes by a file's size and second when it looks for compiled code."""
    found = catalog(tmp_path)
    for word in ("two", "six", "ten"):
        (tmp_path / "dice" / "__init__.py").write_text(CODE.replace('"one"', f'"{word}"'))
        assert word == (await _taken(found)).VERSION  # type: ignore[attr-defined]


async def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="there is no plugin cards; there are: autojoin, dice, images"):
        await catalog(tmp_path).reimport("cards")


async def test_a_reload_that_fails_leaves_a_broken_ones_settings_where_they_are(tmp_path: Path) -> None:
    """Its block in the config would be a mistake otherwise, which no server could change anything beside."""
    known = catalog(tmp_path, "x = (\n")
    before = dict(known.models)
    assert "dice" in before
    with pytest.raises(PluginError):
        await known.reimport("dice")
    assert known.models == before


async def test_a_validator_that_raises_anything_leaves_the_old_one(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    before = known.classes["dice"]
    raising = "    sides: int = 6\n\n    def model_post_init(self, context):\n        raise KeyError('x')\n"
    (tmp_path / "dice" / "__init__.py").write_text(CODE.replace("    sides: int = 6\n", raising))
    with pytest.raises(PluginError, match="KeyError"):
        await known.reimport("dice")
    assert known.classes["dice"] is before


async def test_a_long_import_holds_up_nothing(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    slow = "import threading\nthreading.Event().wait(0.5)\n"
    (tmp_path / "dice" / "__init__.py").write_text(slow + CODE.replace('"one"', '"two"'))
    importing = asyncio.create_task(_taken(known))
    turns = 0
    while not importing.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10  # of 50; one long turn would be the loop standing still
    assert (await importing).VERSION == "two"  # type: ignore[attr-defined]


async def test_an_import_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reimport, "IMPORT_TIMEOUT", 0.2)
    known = catalog(tmp_path)
    before, modules = known.classes["dice"], sys.modules["parley_plugins.dice"]
    (tmp_path / "dice" / "__init__.py").write_text("import threading\nthreading.Event().wait(1)\n" + CODE)
    with pytest.raises(PluginError, match="its import takes longer than 0 s"):
        await known.reimport("dice")
    assert known.classes["dice"] is before
    await asyncio.sleep(1.2)  # it comes back, and finds that nobody wants it
    assert sys.modules["parley_plugins.dice"] is modules


async def test_one_that_was_put_there_since_the_start_is_found(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    put(tmp_path, "cards", GOOD.replace("dice", "cards"), CODE.replace('"dice"', '"cards"'))
    new = await known.reimport("cards")
    new.take()
    assert known.classes["cards"].name == "cards"
    new.undo()
    assert "cards" not in {*known.found, *known.classes, *known.models}


async def test_its_translations_are_read_again(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    folder = tmp_path / "dice" / "locales"
    folder.mkdir()
    for word in ("Hallo", "Servus"):
        (folder / "de.po").write_text(f'msgid "Hello, dice."\nmsgstr "{word}"\n')
        await _taken(known)
        assert say("Hello, dice.").to("de") == word
