"""Translates what people read: the English text is in the code, the other languages are in gettext catalogues.

`say("There is nobody in {channel}.", channel=...)` makes an English `str` that keeps its template and values. The code
that shows it translates it with `in_language`; missing texts stay English. Catalogues are `locales/<language>.po` in
`bot/` and in each plugin's folder (https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html).
"""

import io
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

log = logging.getLogger(__name__)

ENGLISH = "en"
FOLDER = "locales"
#: The context of names of commands and options in a catalogue.
COMMAND = "command"


class Text(str):
    """A sentence in English that can be put into other languages; values may be Texts themselves."""

    __slots__ = ("plural", "template", "values")

    template: str
    plural: str | None
    values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any], plural: str | None = None) -> "Text":
        """Make a text whose string is the sentence in English."""
        text = super().__new__(cls, _filled(_english(template, plural, values), values, ENGLISH))
        text.template, text.plural, text.values = template, plural, values
        return text

    def to(self, language: str) -> str:
        """Return the sentence in a language; in English when its catalogue does not have it."""
        catalogue = _catalogue(language)
        if catalogue is None:
            return str(self)
        try:
            if self.plural is None:
                template = catalogue.gettext(self.template)
            else:
                template = catalogue.ngettext(self.template, self.plural, self.values["count"])
            return _filled(template, self.values, language)
        except Exception as error:  # a translator's slip, in the formula for plurals say, costs nobody the sentence
            log.error("the translation of %r into %s cannot be filled in: %r", self.template, language, error)
            return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Text, (self.template, dict(self.values), self.plural)


def say(template: str, /, **values: Any) -> Text:
    """Make a sentence with `{name}`s in it, and their values."""
    return Text(template, values)


def say_n(one: str, many: str, /, count: int, **values: Any) -> Text:
    """Make a sentence whose form depends on a number, which is its value `{count}`."""
    return Text(one, {"count": count, **values}, many)


def mark(template: str) -> str:
    """Mark a sentence for translators that is said elsewhere, by `say(variable)`."""
    return template


def in_language(text: str, language: str) -> str:
    """Return a Text in a language, any other str as it is."""
    return text.to(language) if isinstance(text, Text) else text


def spoken(locale: object) -> str:
    """Return the language of one of Discord's locales, such as `en-GB`; English when there is no catalogue for it.

    Source: https://discord.com/developers/docs/reference#locales
    """
    language = str(locale).partition("-")[0].lower()
    return language if language in _files else ENGLISH


def is_command_name(word: str) -> bool:
    """Return whether Discord accepts a word as the name of a command or an option. Vowel signs of Hindi and Thai are
    allowed, which are not letters to Python.

    Source: https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-naming
    """
    return re.fullmatch(r"[-'\w\u0900-\u097F\u0E00-\u0E7F]{1,32}", word) is not None and word == word.lower()


def languages() -> list[str]:
    """Return all languages that have a catalogue, and English."""
    return sorted({ENGLISH, *_files})


def command_word(text: str, language: str) -> str | None:
    """Return the name of a command or an option in a language; None when it keeps the English one.

    Names have a context of their own in the catalogues: what is a fine word in a sentence may be none for a command.
    """
    catalogue = _catalogue(language)
    found = None if catalogue is None else catalogue.pgettext(COMMAND, text)
    return str(found) if found and found != text else None


def add(folder: Path) -> None:
    """Use a package's catalogues, too; they are read when somebody needs their language."""
    for file in sorted((folder / FOLDER).glob("*.po")):
        known = _files.setdefault(file.stem, [])
        if file not in known:
            known.append(file)
        _read.pop(file.stem, None)  # it may say something else than before


def faults(folder: Path) -> list[str]:
    """Return what is wrong with a package's catalogues, each with file and line: names in a translation that its
    sentence does not have, and files that are no catalogues."""
    found = []
    for file in sorted((folder / FOLDER).glob("*.po")):
        try:
            catalogue = _parsed(file)
            _compiled(catalogue)
        except Exception as error:
            found.append(_unreadable(file, error))
            continue
        for message in catalogue:
            found += [f"{file}:{message.lineno}: {fault}" for fault in _faults(message) if message.id]
    return found


def _faults(message: Message) -> Iterator[str]:
    if message.context == COMMAND and message.string and not is_command_name(str(message.string)):
        yield f"{message.string!r} is no name for a command"
    try:
        known = set().union(*map(_names, _forms(message.id)))
    except ValueError:  # no template: it is said as it stands
        return
    for form in _forms(message.string):
        try:
            strange = _names(form) - known
        except ValueError as error:
            yield f"{form!r}: {error}"
            continue
        for name in sorted(strange):
            yield f"the translation says {{{name}}}, which its sentence does not have"


def _forms(text: Any) -> tuple[str, ...]:
    """Return a message's text for every number."""
    return (text,) if isinstance(text, str) else tuple(text)


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def read_all() -> None:
    """Read every catalogue now: it takes a tenth of a second, in which an event loop would stand still."""
    for language in _files:
        _catalogue(language)


_files: dict[str, list[Path]] = {}  # by language
_read: dict[str, Translations] = {}


def _catalogue(language: str) -> Translations | None:
    """Return the catalogues of a language; a file that cannot be read is left out, and the log says why."""
    if language not in _files:
        return None
    if language not in _read:
        whole = Translations()
        for file in reversed(_files[language]):  # of two translations the first stays: no plugin changes our words
            try:
                found = _compiled(_parsed(file))
            except Exception as error:
                log.error("%s", _unreadable(file, error))
                continue
            whole.merge(found)
            whole.plural = found.plural  # which is the language's, and not English's
        _read[language] = whole
    return _read[language]


def _parsed(file: Path) -> Catalog:
    """Read what a translator has written; exceptions of many kinds when it is not a catalogue."""
    with file.open("rb") as lines:
        return read_po(lines, locale=file.stem, abort_invalid=True)


def _compiled(catalogue: Catalog) -> Translations:
    """For looking things up; here come exceptions of a wrong formula for plurals."""
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def _unreadable(file: Path, error: Exception) -> str:
    return f"{file}: it cannot be read as a catalogue: {error}"


def _english(template: str, plural: str | None, values: Mapping[str, Any]) -> str:
    return template if plural is None or values["count"] == 1 else plural


def _filled(template: str, values: Mapping[str, Any], language: str) -> str:
    if not values:
        return template
    return template.format(
        **{name: in_language(v, language) if isinstance(v, str) else v for name, v in values.items()}
    )


add(Path(__file__).parent)
