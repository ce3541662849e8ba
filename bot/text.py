"""Makes words from outside (speech, names, provider messages) safe to post and to log.

Mentions are disarmed by `AllowedMentions.none()` on every post, which is the only reliable way; this keeps such text
from posing as something else: markup, links in disguise, text that runs backwards or over its neighbours.
"""

import re
import unicodedata

MESSAGE_LIMIT = 2000  # characters of a Discord message
MAX_COMBINING = 3  # general marks on one letter; more is "zalgo" text
MAX_SCRIPT_MARKS = 8  # marks of a script's own on one letter: Tibetan stacks that many
MAX_FLAG_TAGS = 7  # the letters of a region in a flag, and the end of them (UTS #51, ED-14a)

# Every character that means something to Discord in the middle of a line, and those that do at its start: quotes,
# headings, small print and lists. A backslash before any punctuation stands for the character itself.
_MARKUP = {ord(sign): f"\\{sign}" for sign in r"\*_~|`[]()<>"}
_LINE_START = re.compile(r"^(\d*)([#+.-])")
# Discord makes a link of it and reads no markup in it; what could end the link early is not part of this.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][\w.~:/?#@!$&;,%=+-]*+")

_CONTROLS = dict.fromkeys((*range(32), 127), " ")
_ZWNJ, _ZWJ, _BLACK_FLAG = "\u200c", "\u200d", "\U0001f3f4"
# Combining marks of no script (Unicode blocks Combining Diacritical Marks, their Extended, Supplement, for Symbols, and
# Half Marks): of these zalgo is made.
_GENERAL_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# Letters and symbols that show nothing (Unicode: Default_Ignorable_Code_Point, and the empty Braille cell).
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0")
# Signs that stand before a number and enclose it: they are of category Cf and can be seen all the same.
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")

#: What the first pieces of text may be joined to without a seam: marks, joiners, tags and skin tones.
_JOINED = re.compile("[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_SEAM = 64  # characters that a cut goes back at most to find a place between two signs

#: Characters of a provider's message that are looked at for secrets at all.
_LOOKED_AT = 4000
_BEARER = re.compile(r"Bearer\s++\S++")
_TOKEN = re.compile(r"[\w.-]++")
#: Of a Discord token: its three parts' lengths.
_TOKEN_PARTS = (range(23, 31), range(6, 8), range(27, 4000))


def clean(text: str) -> str:
    """Return one line without control, invisible and direction characters, and with a bounded number of marks on a
    letter.

    Joiners stay where writing systems and emoji need them (Unicode 15, section 23.2), and characters that are newer
    than Python's tables stay too.
    """
    if text.isascii():
        return " ".join(text.translate(_CONTROLS).split())
    kept: list[str] = []
    general = script = tags = 0
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            character = " "
        elif category in ("Mn", "Me") and character not in _INVISIBLE:
            if _GENERAL_MARKS.match(character):
                general += 1
            else:
                script += 1
            if general > MAX_COMBINING or script > MAX_SCRIPT_MARKS:
                continue
            kept.append(character)
            continue
        elif character in (_ZWNJ, _ZWJ):
            if not (kept and _joins(kept[-1]) and at + 1 < len(text) and _joins(text[at + 1])):
                continue
        elif category == "Cf" and "\U000e0020" <= character <= "\U000e007f":
            tags = tags + 1 if kept and (kept[-1] == _BLACK_FLAG or tags) else 0
            if not 0 < tags <= MAX_FLAG_TAGS:
                continue
            kept.append(character)
            continue
        elif _is_nothing(character, category):
            continue
        general = script = tags = 0
        kept.append(character)
    return " ".join("".join(kept).split())


def _joins(character: str) -> bool:
    """Whether a joiner may stand beside it: a letter, a mark, or what emoji are made of."""
    return unicodedata.category(character)[0] in "LM" or unicodedata.category(character) in ("So", "Sk")


def _is_nothing(character: str, category: str) -> bool:
    """Whether a character shows nothing, or shows something else than it is."""
    if category in ("Cs", "Co") or character in _INVISIBLE:
        return True
    if category == "Cf":
        return character not in _VISIBLE_FORMATS
    number = ord(character)
    unassigned = category == "Cn"  # in Python's tables
    return unassigned and (
        number & 0xFFFE == 0xFFFE
        or 0xFDD0 <= number <= 0xFDEF
        or 0xFFF0 <= number <= 0xFFF8
        or number == 0x2065
        or 0xE0000 <= number <= 0xE0FFF
    )


def plain(text: str) -> str:
    """Return cleaned text with its markdown escaped, so that it reads as it was said. Addresses stay as they are."""
    cleaned, done = clean(text), 0
    pieces: list[str] = []
    for address in _ADDRESS.finditer(cleaned):
        pieces += _escaped(cleaned[done : address.start()]), address[0]
        done = address.end()
    return _LINE_START.sub(r"\1\\\2", "".join([*pieces, _escaped(cleaned[done:])]))


def _escaped(text: str) -> str:
    return text.translate(_MARKUP)


def name(text: str) -> str:
    """Return a display name for use in a line of ours: plain and short."""
    return plain(fit(clean(text), 40)) or "someone"


def split(text: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    """Cut a text into pieces of at most `limit` characters, at spaces where there are some.

    Only those spaces are lost. Nothing is cut between a backslash and the character it escapes, or within what a
    reader sees as one character.
    """
    limit = max(limit, 1)
    pieces: list[str] = []
    start = 0
    while len(text) - start > limit:
        cut = text.rfind(" ", start + 1, start + limit + 1)
        cut = cut if cut > start else _seam(text, start, start + limit)
        pieces.append(text[start:cut])
        start = cut
        while start < len(text) and text[start] == " ":
            start += 1
    return [*pieces, text[start:]] if start < len(text) or not pieces else pieces


def _seam(text: str, start: int, cut: int) -> int:
    """Return the last place up to `cut` between two signs; `cut` when there is none near."""
    for place in range(cut, max(start, cut - _SEAM), -1):
        before, after = text[place - 1], text[place]
        backslashes = len(text[start:place]) - len(text[start:place].rstrip("\\"))
        if backslashes % 2 == 0 and before != _ZWJ and not _JOINED.match(after) and not unicodedata.combining(after):
            return place
    return cut


def fit(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return as many of a text's lines as there is room for, and an ellipsis for the others."""
    if len(text) <= limit:
        return text
    cut = text.rfind("\n", 0, limit - 1)
    return f"{text[:cut]}\n…" if cut > 0 else f"{text[: limit - 1]}…"


def redact(text: str, limit: int = 200) -> str:
    """Return text from a provider, short and without anything that looks like a key or a token."""
    if len(text) > _LOOKED_AT:  # what the cut goes through may be half a secret
        text = text[:_LOOKED_AT].rpartition(" ")[0]
    return fit(_TOKEN.sub(_hidden, _BEARER.sub("…", clean(text))), limit)


def _hidden(token: "re.Match[str]") -> str:
    """Return a word of letters, digits, dots and hyphens, or an ellipsis if it is a key of Valsea's, a JWT (LiveKit's
    tokens) or a bot's token of Discord's."""
    word = token[0]
    parts = [len(part) for part in word.split(".")]
    runs = zip(parts, parts[1:], parts[2:], strict=False)
    is_bot_token = any(all(map(_fits, run, _TOKEN_PARTS)) for run in runs)
    return "…" if "vl_" in word or is_bot_token or ("eyJ" in word and len(parts) > 2) else word


def _fits(length: int, lengths: range) -> bool:
    return length in lengths
