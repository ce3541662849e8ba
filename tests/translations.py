"""What translators must know: every sentence of a package, and what its catalogues lack or no longer need.

`python -m tests.translations` (or `make translations`) puts new sentences into every catalogue, takes out those
that are gone, and says what is left to translate.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from discord import app_commands

from bot import language
from bot.config.keys import server_keys
from bot.config.model import PluginSettings
from bot.plugin_host.catalog import Catalog as Plugins

ROOT = Path(__file__).parents[1]
LANGUAGES = ("de", "vi")
KEYWORDS: dict[str, Any] = {"say": None, "say_n": (1, 2), "mark": None}

#: (context, sentence) -> its plural, or None.
Sentences = dict[tuple[str | None, str], str | None]


def packages() -> list[Path]:
    """Folders with catalogues of their own."""
    plugins = sorted(file.parent for file in (ROOT / "plugins").glob("*/plugin.yaml"))
    return [ROOT / "bot", *plugins]


def sentences(package: Path) -> Sentences:
    """All that a package says to people."""
    found: Sentences = {}
    for _, _, message, _, _ in extract_from_dir(
        package, method_map=[("testing/**", "ignore"), ("**.py", "python")], keywords=KEYWORDS
    ):
        one, many = (message, None) if isinstance(message, str) else message
        found[None, one] = many
    manifest = package / "plugin.yaml"
    if manifest.exists():
        about = yaml.safe_load(manifest.read_text())
        found |= {(None, about["description"]): None, (None, about["stores"]): None}
        for context, text in _commands(package.name):
            found[context, text] = None
    return found | {(None, description): None for description in _settings(package)}


def _settings(package: Path) -> set[str]:
    """What admins read of the settings that stand in a package."""
    models = {name: plugin.Settings for name, plugin in Plugins.load().classes.items()}
    shared = {field.description for field in PluginSettings.model_fields.values()}
    return {
        key.description
        for key in server_keys(models).values()
        if key.description
        and (key.path[1] if key.path[0] == "plugins" and key.description not in shared else "bot") == package.name
    }


def _commands(plugin_name: str) -> Iterator[tuple[str | None, str]]:
    """The words of a plugin's slash commands, names with their context."""
    plugins = Plugins.load()
    host: Any = SimpleNamespace(is_owner=None, plugins=SimpleNamespace(catalog=plugins))
    for root in plugins.classes[plugin_name](host).get_app_commands():
        for command in [root, *(root.walk_commands() if isinstance(root, app_commands.Group) else ())]:
            yield "command", command.name
            yield None, command.description
            for parameter in getattr(command, "parameters", ()):
                yield "command", parameter.name
                if str(parameter.description) != "…":  # discord.py's own, for none
                    yield None, str(parameter.description)
                yield from ((None, choice.name) for choice in parameter.choices)


def catalogue(package: Path, name: str) -> Catalog:
    """A package's catalogue in a language; an empty one when there is none yet."""
    file = package / language.FOLDER / f"{name}.po"
    if not file.exists():
        return Catalog(locale=name)
    with file.open("rb") as lines:
        return read_po(lines, locale=name)


def update(package: Path, name: str) -> list[str]:
    """Bring a catalogue up to date; what is left to translate."""
    old, wanted = catalogue(package, name), sentences(package)
    new = Catalog(locale=name, fuzzy=False)
    missing = []
    for (context, one), many in sorted(wanted.items(), key=lambda item: (item[0][0] or "", item[0][1])):
        known = old.get(one if many is None else (one, many), context)
        text = known.string if known is not None else ""
        new.add(one if many is None else (one, many), text, context=context)
        if not (text if isinstance(text, str) else all(text or [""])):
            missing.append(one)
    file = package / language.FOLDER / f"{name}.po"
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as lines:
        write_po(lines, new, width=120, omit_header=False)
    header = inspect.cleandoc(
        f"""
        # {package.name} in {new.locale.english_name if new.locale else name}. English stands in the code.
        msgid ""
        msgstr ""
        "Content-Type: text/plain; charset=utf-8\\n"
        "Language: {name}\\n"
        "Plural-Forms: {new.plural_forms}\\n"
        """
    )
    _, _, body = file.read_text().partition("\n\n")
    file.write_text(f"{header}\n\n{body.rstrip()}\n")
    return missing


def main() -> int:
    """0, also when something is left to translate: the suite says so, too, and this only lists it."""
    left = 0
    for package in packages():
        for name in LANGUAGES:
            for sentence in update(package, name) if sentences(package) else ():
                left += 1
                print(f"{package.name}/{name}: {sentence!r}")
    print(f"{left} sentences are left to translate." if left else "Everything is translated.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
