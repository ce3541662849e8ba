"""What is found, and what is wrong with it, before any code of it runs."""

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.plugin_host.discovery import discover
from bot.plugin_host.manifest import API_VERSION, read_manifest

GOOD = f"name: dice\nversion: 1.2.0\napi: {API_VERSION}\ndescription: Rolls dice\n"


def put(folder: Path, name: str, manifest: str, code: str = "raise RuntimeError('imported')\n") -> Path:
    """A plugin's folder; its code would be noticed if it ran."""
    plugin = folder / name
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(manifest)
    (plugin / "__init__.py").write_text(code)
    return plugin


def reasons(folder: Path) -> list[str]:
    return [broken.reason.removeprefix(str(folder) + "/") for broken in discover([folder]).broken]


def test_what_is_built_in_is_found() -> None:
    discovery = discover()
    assert {"valsea", "voicebot", "transcript", "images"} <= set(discovery.found)
    assert discovery.broken == []
    found = discovery.found["valsea"]
    assert (found.module, found.origin) == ("plugins.valsea", "built in")


def test_a_folder_of_plugins(tmp_path: Path) -> None:
    put(tmp_path, "dice", GOOD)
    (tmp_path / "notes").mkdir()  # has no manifest, so it is none of ours
    discovery = discover([tmp_path])
    assert discovery.broken == []
    found = discovery.found["dice"]
    assert (found.module, found.folder, found.manifest.version) == ("parley_plugins.dice", tmp_path / "dice", "1.2.0")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (GOOD.replace("dice", "Dice"), "dice/plugin.yaml:1:1: name: string should match pattern"),
        (GOOD.replace("name: dice\n", ""), "dice/plugin.yaml:1:1: name: is missing"),
        (GOOD + "autor: me\n", "dice/plugin.yaml:5:1: autor: unknown key; did you mean `author`?"),
        (GOOD + "permissions: [send_mesages]\n", "dice/plugin.yaml:5:1: permissions: 'send_mesages' is no permission"),
        (
            GOOD.replace(f"api: {API_VERSION}", "api: 99"),
            "dice/plugin.yaml:3:1: api: it was written for plugin interface 99, this Parley has 1; update Parley",
        ),
        ("- a list\n", "dice/plugin.yaml:1:1: expected `key: value` lines"),
        (
            GOOD.replace("dice\n", "cards\n"),
            "dice/plugin.yaml: its name is `cards`, so its folder must be called cards or parley_cards",
        ),
        (GOOD.replace("name: dice", "name: images"), "dice: there is a plugin `images` already"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, manifest: str, reason: str) -> None:
    put(tmp_path, "dice", manifest)
    (found,) = reasons(tmp_path)
    assert found.startswith(reason)


def test_a_broken_one_does_not_hide_the_others(tmp_path: Path) -> None:
    put(tmp_path, "dice", GOOD)
    put(tmp_path, "broken", "name: [\n")
    discovery = discover([tmp_path])
    assert "dice" in discovery.found
    assert len(discovery.broken) == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (broken,) = discover([tmp_path / "nowhere"]).broken
    assert broken.reason == f"{tmp_path / 'nowhere'}: there is no such folder; `plugin_folders:` names it"


def test_a_folder_that_cannot_be_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 300)
    (broken,) = discover([folder]).broken
    assert broken.reason == f"{folder}: cannot be read: File name too long"


def test_an_installed_package_that_cannot_even_be_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python imports what is around it, which may do anything."""
    put(tmp_path, "parley_raises", GOOD)
    (tmp_path / "parley_raises" / "__init__.py").write_text("raise RuntimeError('no')\n")
    metadata = tmp_path / "parley_raises-1.2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parley-raises\nVersion: 1.2.0\n")
    (metadata / "entry_points.txt").write_text("[parley.plugins]\nraises = parley_raises.dice\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [broken.name for broken in discover().broken] == ["raises"]


def test_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip leaves it: a package on the path, and an entry point in its metadata."""
    put(tmp_path, "parley_dice", GOOD)
    metadata = tmp_path / "parley_dice-1.2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parley-dice\nVersion: 1.2.0\n")
    (metadata / "entry_points.txt").write_text("[parley.plugins]\ndice = parley_dice\nghost = parley_ghost\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    discovery = discover()
    assert (discovery.found["dice"].module, discovery.found["dice"].origin) == ("parley_dice", "installed")
    assert [broken.name for broken in discovery.broken] == ["ghost"]
    assert "has no plugin.yaml" in discovery.broken[0].reason


def test_one_that_is_found_in_two_ways_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of some time ago may name what is built in by now."""
    metadata = tmp_path / "old_parley-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: old-parley\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[parley.plugins]\nvalsea = plugins.valsea\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    discovery = discover()
    assert discovery.broken == []
    assert discovery.found["valsea"].origin == "built in"


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_manifest(tmp_path)


def test_a_plugins_own_folder_in_place_of_the_one_around_it_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("name: dice\nversion: 1.0.0\napi: 1\ndescription: Rolls dice\n")
    (broken,) = discover([folder]).broken
    assert broken.reason == f"{folder}: this is a plugin; `plugin_folders:` names the folder around it, {tmp_path}"
