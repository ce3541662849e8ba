"""Makes words from strangers (speech, names, provider messages) safe to post and to log.

Mentions are disarmed by `AllowedMentions.none()` on every post, which is the only reliable way; this keeps such text
from posing as something else: markup, links in disguise, text that runs backwards or over its neighbours.
"""

import re
import unicodedata

MESSAGE_LIMIT = 2000  # characters of a Discord message
MAX_COMBINING = 3  # marks on one letter; more is "zalgo" text

# Every character that means something to Discord in the middle of a line, and those that do at its start: quotes,
# headings, small print and lists. A backslash before any punctuation stands for the character itself.
_MARKUP = re.compile(r"[\\*_~|`\[\]()<>]")
_LINE_START = re.compile(r"^(\d*)([#+.-])")

#: Valsea's keys, bearer tokens, LiveKit's tokens (JWT), and bot tokens of Discord.
_SECRETS = re.compile(r"vl_[\w-]+|Bearer\s+\S+|eyJ[\w-]+\.[\w-]+\.[\w-]*|[\w-]{23,30}\.[\w-]{6,7}\.[\w-]{27,}")


def clean(text: str) -> str:
    """One line without control, zero-width and direction characters, and with bounded combining marks."""
    kept: list[str] = []
    combining = 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            character = " "
        elif category in ("Cf", "Cs", "Co", "Cn"):
            continue
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if combining <= MAX_COMBINING:
            kept.append(character)
    return " ".join("".join(kept).split())


def plain(text: str) -> str:
    """Cleaned text with its markdown escaped, so that it reads as it was said."""
    return _LINE_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", clean(text)))


def name(text: str) -> str:
    """A display name for use in a line of ours: plain and short."""
    cleaned = clean(text)
    return plain(cleaned if len(cleaned) <= 40 else cleaned[:39] + "…") or "someone"


def split(text: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    """Text in pieces of at most `limit` characters, cut at spaces where there are some. Nothing is lost but those."""
    limit = max(limit, 1)
    pieces: list[str] = []
    while len(text) > limit:
        cut = text.rfind(" ", 1, limit + 1)
        cut = cut if cut > 0 else limit
        pieces.append(text[:cut])
        text = text[cut:].lstrip(" ")
    return [*pieces, text] if text or not pieces else pieces


def fit(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """As many of its lines as there is room for, and an ellipsis for the others."""
    if len(text) <= limit:
        return text
    cut = text.rfind("\n", 0, limit - 1)
    return f"{text[:cut]}\n…" if cut > 0 else f"{text[: limit - 1]}…"


def redact(text: str, limit: int = 200) -> str:
    """Text from a provider, short and without anything that looks like a key or a token."""
    cleaned = _SECRETS.sub("…", clean(text))
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"
