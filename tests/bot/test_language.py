"""Sentences in other languages: complete catalogues, nothing lost in them, English where there is none."""

import pickle
import re
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot import language
from bot.commands.language import CommandTranslator
from bot.language import Text, in_language, mark, say, say_n, spoken
from bot.plugin_host.catalog import Catalog
from tests import translations

Catalog.load()  # the built-in plugins bring catalogues of their own


def test_a_sentence_is_english_and_can_be_german() -> None:
    text = say("There is nobody in {channel} to talk with. Join it first.", channel="<#1>")
    assert text == "There is nobody in <#1> to talk with. Join it first."
    assert text.to("de") != text
    assert "<#1>" in text.to("de")
    assert text.to("xx") == text.to("en") == text


def test_by_number() -> None:
    texts = [say_n("{count} minute", "{count} minutes", count=count) for count in (1, 2)]
    assert [*texts, *(text.to("de") for text in texts)] == ["1 minute", "2 minutes", "1 Minute", "2 Minuten"]


def test_sentences_within_sentences() -> None:
    inner = say_n("{count} minute", "{count} minutes", count=5)
    text = say("Nobody has spoken for {duration}. The call ends in one minute, unless somebody does.", duration=inner)
    assert "5 minutes" in text
    assert "5 Minuten" in text.to("de")


def test_values_are_never_read_as_sentences() -> None:
    assert say("{text}", text="{channel}").to("de") == "{channel}"
    assert in_language("a plain str with {braces}", "de") == "a plain str with {braces}"


def test_a_plugins_catalogue_does_not_change_what_the_core_says(tmp_path: Path) -> None:
    before = say("The voicebot is back.").to("de")
    folder = tmp_path / "locales"
    folder.mkdir()
    (folder / "de.po").write_text('msgid "The voicebot is back."\nmsgstr "Buh"\n\nmsgid "Own."\nmsgstr "Eigenes."\n')
    language.add(tmp_path)
    assert [say("The voicebot is back.").to("de"), say("Own.").to("de")] == [before, "Eigenes."]
    language._files["de"].remove(folder / "de.po")
    language._read.clear()


@pytest.mark.parametrize(
    ("name", "header", "fault"),
    [
        ("fr.po", "Plural-Forms: nplurals=2; plural=(n != 1;", "cannot be read as a catalogue"),
        ("fr.po", "Content-Type: text/plain; charset=utf9", "cannot be read as a catalogue"),
        ("fr.po", "Plural-Forms: nplurals=2; plural=n/0;", ""),  # no fault before somebody counts
    ],
)
def test_a_catalogue_that_cannot_be_used_costs_nobody_a_word(
    tmp_path: Path, name: str, header: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "locales"
    folder.mkdir()
    (folder / name).write_text(
        f'msgid ""\nmsgstr ""\n"{header}\\n"\n\nmsgid "{{count}} minute"\nmsgid_plural "{{count}} minutes"\n'
        'msgstr[0] "{count} m"\nmsgstr[1] "{count} mm"\n'
    )
    faults = language.faults(tmp_path)
    assert fault in "".join(faults)
    assert bool(faults) == bool(fault)
    language.add(tmp_path)
    try:
        language.read_all()
        assert say_n("{count} minute", "{count} minutes", count=2).to(name.removesuffix(".po")) == "2 minutes"
        assert (fault or "cannot be filled in") in caplog.text
    finally:
        language._files[name.removesuffix(".po")].remove(folder / name)
        language._read.clear()


@pytest.mark.parametrize("name", translations.LANGUAGES)
def test_every_number_is_said_in_the_language(name: str) -> None:
    """Languages have one form for all numbers, or several: as their own catalogue says."""
    for package in translations.packages():
        for message in translations.catalogue(package, name):
            if isinstance(message.id, tuple):
                one, many = message.id
                values = {field: "x" for _, field, _, _ in Formatter().parse(many) if field and field != "count"}
                for count in (0, 1, 2, 5, 21):
                    text, forms = say_n(one, many, count, **values), message.string or ()
                    assert text.to(name) in [form.format(count=count, **values) for form in forms]
                    assert text.to(name) != text


def test_a_translators_slip_costs_nobody_the_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "locales"
    folder.mkdir()
    (folder / "de.po").write_text('msgid "{person} rolled."\nmsgstr "{preson} hat gewürfelt."\n')
    language.add(tmp_path)
    assert say("{person} rolled.", person="Ann").to("de") == "Ann rolled."
    assert "into de cannot be filled in" in caplog.text
    language._files["de"].remove(folder / "de.po")
    language._read.clear()


def test_it_survives_pickling_and_a_catalogue_that_is_none(tmp_path: Path) -> None:
    text = say("The voicebot is back.")
    assert pickle.loads(pickle.dumps(text)).to("de") == text.to("de")
    (tmp_path / "locales").mkdir()
    (tmp_path / "locales" / "de.po").write_bytes(b"\xff\xfe nonsense")
    language.add(tmp_path)
    assert text.to("de") != text


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("de", "de"), ("vi", "vi"), ("en-GB", "en"), (discord.Locale.german, "de"), ("pt-BR", "en"), (None, "en")],
)
def test_discords_locales(locale: object, expected: str) -> None:
    assert spoken(locale) == expected


@pytest.mark.parametrize("name", translations.LANGUAGES)
@pytest.mark.parametrize("package", translations.packages(), ids=lambda package: package.name)
def test_catalogues_are_complete(package: Path, name: str) -> None:
    """`make translations` says what is left."""
    found = translations.catalogue(package, name)
    wanted = translations.sentences(package)
    assert {(m.context, m.id if isinstance(m.id, str) else m.id[0]) for m in found if m.id} == set(wanted)
    for message in found:
        texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
        if message.id:
            assert all(texts), f"{message.id!r} is not translated"
            assert not message.fuzzy
        many = message.id if isinstance(message.id, str) else message.id[-1]
        for text in texts[-1:]:
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", many)), message.id


@pytest.mark.parametrize("name", translations.LANGUAGES)
async def test_commands_are_called_what_discord_takes(name: str) -> None:
    """Names are words of small letters, different among siblings; descriptions have 100 characters at most."""
    plugins = Catalog.load()
    host: Any = SimpleNamespace(is_owner=None, plugins=SimpleNamespace(catalog=plugins))
    translator, locale = CommandTranslator(), discord.Locale(name)
    (root,) = plugins.classes["voicebot"](host).get_app_commands()
    assert isinstance(root, app_commands.Group)
    for group in [root, *(c for c in root.walk_commands() if isinstance(c, app_commands.Group))]:
        names = []
        for command in group.commands:
            context: Any = SimpleNamespace(location=Location.command_name)
            called = await translator.translate(app_commands.locale_str(command.name), locale, context)
            names.append(called or command.name)
            description: Any = SimpleNamespace(location=Location.command_description)
            told = await translator.translate(app_commands.locale_str(command.description), locale, description)
            assert told is not None
            assert len(told) <= 100
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[-_\w]{1,32}", called) and called == called.lower() for called in names), names


@pytest.mark.parametrize(
    ("where", "said", "word", "kept"),
    [
        (Location.command_name, "roll", "würfeln", True),
        (Location.command_name, "roll", "ตั้งค่า", True),
        (Location.parameter_name, "roll", "सेटअप", True),
        (Location.command_name, "roll", "Würfel Wurf!", False),
        (Location.parameter_name, "roll", "Würfeln", False),
        (Location.command_description, "Roll", "Würfelt", True),
        (Location.command_description, "Roll", "x" * 101, False),
        (Location.choice_name, "Roll", "x" * 101, False),
    ],
)
async def test_a_word_that_discord_would_refuse_stays_english(
    tmp_path: Path, where: Location, said: str, word: str, kept: bool
) -> None:
    """It would take none of the commands, in no language."""
    folder = tmp_path / "locales"
    folder.mkdir()
    is_name = where in (Location.command_name, Location.parameter_name)
    context = 'msgctxt "command"\n' if is_name else ""
    (folder / "de.po").write_text(f'{context}msgid "{said}"\nmsgstr "{word}"\n')
    assert bool(language.faults(tmp_path)) == (is_name and not kept)
    language.add(tmp_path)
    try:
        asked: Any = SimpleNamespace(location=where)
        told = await CommandTranslator().translate(app_commands.locale_str(said), discord.Locale.german, asked)
        assert told == (word if kept else None)
    finally:
        language._files["de"].remove(folder / "de.po")
        language._read.clear()


async def test_english_stays_english() -> None:
    context: Any = SimpleNamespace(location=Location.command_name)
    assert (
        await CommandTranslator().translate(app_commands.locale_str("join"), discord.Locale.british_english, context)
        is None
    )
    assert await CommandTranslator().translate(app_commands.locale_str("join"), discord.Locale.french, context) is None


def test_marks_are_what_they_mark() -> None:
    assert mark("live") == "live"
    assert isinstance(say(mark("live")), Text)
