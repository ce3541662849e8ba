"""A plugin's code: imported when it fits the interface, and imported anew without risk to what works."""

from pathlib import Path

import pytest

from bot.config.load import load
from bot.config.model import PluginSettings
from bot.errors import ConfigError
from bot.plugin_host.catalog import Catalog
from tests.bot.plugin_host.test_discovery import GOOD, put

CODE = """
from bot.config.model import PluginSettings
from bot.plugin_host.plugin import Plugin

class DiceSettings(PluginSettings):
    sides: int = 6

class DicePlugin(Plugin[DiceSettings]):
    name = "dice"
    Settings = DiceSettings
    VERSION = "one"

    async def on_transcript(self, call, line):
        pass

PLUGIN = DicePlugin
"""

PROVIDER = """
from bot.config.model import ProviderSettings
from bot.plugin_host.plugin import Plugin

class DiceSettings(ProviderSettings):
    pass

class DicePlugin(Plugin[DiceSettings]):
    name = "dice"
    Settings = DiceSettings

    @staticmethod
    def connect(settings, network, account):
        return None

PLUGIN = DicePlugin
"""


def catalog(folder: Path, code: str = CODE) -> Catalog:
    put(folder, "dice", GOOD, code)
    return Catalog.load([folder])


def reason(folder: Path, code: str) -> str:
    (broken,) = catalog(folder, code).broken
    return broken.reason.removeprefix(str(folder) + "/")


def test_what_is_built_in_can_be_imported() -> None:
    built_in = Catalog.load()
    assert built_in.broken == []
    assert set(built_in.models) == set(built_in.classes)
    assert all(issubclass(model, PluginSettings) for model in built_in.models.values())


def test_one_in_a_folder(tmp_path: Path) -> None:
    found = catalog(tmp_path)
    assert found.broken == []
    assert found.classes["dice"].name == "dice"
    assert found.models["dice"].model_fields["sides"].default == 6


def test_one_alone_runs_no_code_beside_it(tmp_path: Path) -> None:
    dice = put(tmp_path, "dice", GOOD, CODE)
    put(tmp_path, "cards", GOOD.replace("dice", "cards"), "import os\nos._exit(9)\n")
    put(tmp_path, "broken", "name: [\n")
    alone = Catalog.of(dice)
    assert (list(alone.classes), alone.broken) == (["dice"], [])
    assert [broken.name for broken in Catalog.of(tmp_path / "broken").broken] == ["broken"]


def test_one_alone_that_is_called_like_another_is_named(tmp_path: Path) -> None:
    folder = put(tmp_path, "images", GOOD.replace("dice", "images"), CODE.replace('"dice"', '"images"'))
    (broken,) = Catalog.of(folder).broken
    assert "there is a plugin `images` already" in broken.reason


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import nowhere_at_all\n", "dice/__init__.py:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("x = 1\ndef f(:\n", "dice/__init__.py:2: SyntaxError"),
        ("import sys\nsys.exit(1)\n", "dice/__init__.py:2: SystemExit"),
        ("class Gone(BaseException): pass\nraise Gone\n", "dice/__init__.py:2: Gone"),
        (
            "from collections.abc import Callable\n" + CODE.replace("sides: int = 6", "sides: Callable[[], int] = len"),
            "dice/__init__.py: DiceSettings: a setting of a kind that no config file can hold",
        ),
        ("x = 1\n", "dice/__init__.py: it needs `PLUGIN = YourPlugin`"),
        ("PLUGIN = 5\n", "dice/__init__.py: it needs `PLUGIN = YourPlugin`"),
        (CODE.replace('name = "dice"', 'name = "cards"'), "dice/__init__.py: DicePlugin.name is 'cards', plugin.yaml"),
        (CODE.replace("Settings = DiceSettings", "Settings = dict"), "dice/__init__.py: DicePlugin.Settings must be"),
        (
            CODE.replace('VERSION = "one"', "connect = print"),
            "dice/__init__.py: DicePlugin is a provider: its Settings must be derived from ProviderSettings",
        ),
        (
            CODE.replace("on_transcript", "on_transcrpt"),
            "dice/__init__.py: DicePlugin.on_transcrpt: no hook has that name; did you mean on_transcript?",
        ),
        (
            CODE.replace("async def on_transcript", "def on_transcript"),
            "dice/__init__.py: DicePlugin.on_transcript: a hook is `async def`",
        ),
        (
            CODE.replace("(self, call, line)", "(self, line)"),
            "dice/__init__.py: DicePlugin.on_transcript: it is called with (self, call, line)",
        ),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(tmp_path: Path, code: str, expected: str) -> None:
    assert reason(tmp_path, code).startswith(expected)


def test_discords_own_events_are_no_misspelt_hooks(tmp_path: Path) -> None:
    listener = "    @commands.Cog.listener()\n    async def on_message(self, message):\n        pass\n\nPLUGIN ="
    code = "from discord.ext import commands\n" + CODE.replace("PLUGIN =", listener)
    assert catalog(tmp_path, code).broken == []


def test_a_module_that_is_called_like_one_of_pythons_own_hides_nothing(tmp_path: Path) -> None:
    put(tmp_path, "json", GOOD.replace("dice", "json"), CODE.replace('"dice"', '"json"'))
    assert Catalog.load([tmp_path]).classes["json"].__module__ == "parley_plugins.json"
    import json

    assert json.loads("1") == 1


def test_one_that_cannot_be_used_does_not_make_a_config_wrong(tmp_path: Path) -> None:
    """The operator is told of the plugin; the bot, and all servers that had set something about it, go on."""
    broken = catalog(tmp_path, "def f(:\n")
    file = tmp_path / "config.yaml"
    file.write_text("defaults: {plugins: {dice: {sides: 20}}}\n")
    assert load(file, broken.models).server(1).voicebot is None
    file.write_text("defaults: {plugins: {cards: {}}}\n")
    with pytest.raises(ConfigError, match="unknown key"):
        load(file, broken.models)


def test_a_validator_that_raises_anything_is_named(tmp_path: Path) -> None:
    code = CODE.replace(
        "    sides: int = 6\n",
        "    sides: int = 6\n\n    def model_post_init(self, context):\n        raise KeyError('x')\n",
    )
    assert reason(tmp_path, code) == "dice/__init__.py:9: DiceSettings: KeyError: 'x'"


def test_where_sessions_are_only_ended_no_code_runs_of_what_is_no_provider(tmp_path: Path) -> None:
    """Its settings are not checked there: whatever they are, they are no reason not to end a session."""
    put(tmp_path, "dice", GOOD + "provider: false\n", "raise RuntimeError('imported')")
    found = Catalog.load([tmp_path], providers_only=True)
    assert found.broken == []
    assert list(found.classes) == ["valsea"]
    file = tmp_path / "config.yaml"
    file.write_text("defaults: {plugins: {dice: {sides: many}, transcript: {people: false}}}\n")
    assert load(file, found.models).host.defaults.plugins.keys() == {"dice", "transcript"}


def test_one_that_does_not_say_whether_it_is_a_provider_is_loaded_there_too(tmp_path: Path) -> None:
    put(tmp_path, "dice", GOOD, CODE)
    assert set(Catalog.load([tmp_path], providers_only=True).classes) == {"dice", "valsea"}


def test_a_provider_that_says_it_is_none_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "dice", GOOD + "provider: false\n", PROVIDER)
    (broken,) = Catalog.load([tmp_path]).broken
    assert "DicePlugin is a provider, plugin.yaml says `provider: false`" in broken.reason
