"""Which stored lines were not heard live: two transcripts of one conversation, aligned. Pure.

The provider may cut its lines differently from what it sent, spell them in another Unicode form, or word them otherwise
("25" and "twenty five"). So lines that are the same in both are anchors, and between two anchors it is the number of
lines that counts: only what the provider has more of can have been missed.

Everything here takes time in proportion to the number of lines, times `WINDOW`, and no line is looked at beyond
`MAX_CHARACTERS` characters.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from bot.provider import Role, StoredMessage

from .events import TranscriptLine

#: Lines of each transcript that are compared, the newest ones, and characters of each.
MAX_LINES, MAX_CHARACTERS = 2000, 500
#: Lines around the place where a line is to be expected, within which another wording or cut of it is looked for.
WINDOW = 16

_TAG = re.compile(r"<img>[^<]{0,2100}+</img>", re.IGNORECASE)
_WORD = re.compile(r"\w++")
_ROLES: tuple[Role, ...] = ("user", "voicebot")


def missed(live: Sequence[TranscriptLine], stored: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Return the stored lines that were not written live, in their order; a line that was said twice counts twice."""
    heard = [line for line in live if line.final][-MAX_LINES:]
    kept = [(bare(message.text), message) for message in stored[-MAX_LINES:]]
    found: set[int] = set()
    for role in _ROLES:
        places = [place for place, (words, message) in enumerate(kept) if words and message.role == role]
        said = [words for line in heard if line.role == role and (words := bare(line.text))]
        found |= {places[one] for one in _missing(said, [kept[place][0] for place in places])}
    return [kept[place][1] for place in sorted(found)]


def bare(text: str) -> str:
    """Return a line for comparing: Unicode's form, case, punctuation and picture tags do not make another line."""
    plain = unicodedata.normalize("NFKC", _TAG.sub(" ", text[:MAX_CHARACTERS])).casefold()
    return " ".join(_WORD.findall(plain))


def _missing(said: Sequence[str], kept: Sequence[str]) -> list[int]:
    """Return the indices of the `kept` lines that have no counterpart among those `said`, all of one role."""
    missing: list[int] = []
    said_from = kept_from = 0
    for said_at, kept_at in [*_matches(said, kept), (len(said), len(kept))]:
        gap = _missing_in_gap(said[said_from:said_at], kept[kept_from:kept_at])
        missing += [kept_from + one for one in gap]
        said_from, kept_from = said_at + 1, kept_at + 1
    return missing


def _matches(said: Sequence[str], kept: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of equal lines in the order of both: first those that are unique, then what fits between them."""
    places: dict[str, list[int]] = {}
    for at, line in enumerate(said):
        places.setdefault(line, []).append(at)
    times_kept = Counter(kept)
    unique = [
        (places[line][0], at)
        for at, line in enumerate(kept)
        if times_kept[line] == 1 and len(places.get(line, ())) == 1
    ]
    pairs: list[tuple[int, int]] = []
    said_from = kept_from = 0
    for said_at, kept_at in [*_longest_increasing(unique), (len(said), len(kept))]:
        for at in range(kept_from, kept_at):
            of_line = places.get(kept[at], [])
            next_one = bisect_left(of_line, said_from)
            if next_one < len(of_line) and of_line[next_one] < said_at:
                pairs.append((of_line[next_one], at))
                said_from = of_line[next_one] + 1
        if kept_at < len(kept):
            pairs.append((said_at, kept_at))
        said_from, kept_from = said_at + 1, kept_at + 1
    return pairs


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence of pairs in which both numbers rise."""
    ends: list[int] = []  # the smallest last number of a run of each length
    last: list[int] = []  # the pair it belongs to
    before: list[int] = []
    for index, (number, _) in enumerate(pairs):
        length = bisect_right(ends, number)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            last.append(index)
        else:
            ends[length], last[length] = number, index
    run: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        run.append(pairs[at])
        at = before[at]
    return run[::-1]


def _missing_in_gap(said: Sequence[str], kept: Sequence[str]) -> list[int]:
    """Return the missing lines between two anchors. Lines that were cut differently are not missing; of the others, as
    many as there are unmatched live lines count as other wordings of those."""
    free = set(range(len(said)))
    left: list[int] = []
    for at, line in enumerate(kept):
        near = _near(at, len(kept), len(said))
        pieces = [one for one in near if _holds(line, said[one])]
        if pieces:
            free -= set(pieces)
        elif _holds(" ".join(said[one] for one in near), line):
            free -= {one for one in near if _holds(said[one], line)}
        else:
            left.append(at)
    count = len(left) - len(free)
    if count <= 0:
        return []
    likeness = {
        at: max((_alike(kept[at], said[one]) for one in _near(at, len(kept), len(said))), default=0.0) for at in left
    }
    return sorted(sorted(left, key=lambda at: likeness[at])[:count])


def _near(at: int, of: int, among: int) -> range:
    """Return the indices within `WINDOW` of the line, out of `among`, that corresponds to line `at` out of `of`."""
    middle = at * among // max(of, 1)
    return range(max(0, middle - WINDOW // 2), min(among, middle + WINDOW // 2 + 1))


def _holds(text: str, part: str) -> bool:
    return f" {part} " in f" {text} "


def _alike(one: str, other: str) -> float:
    """Share of their words that both have."""
    first, second = set(one.split()), set(other.split())
    return len(first & second) / max(len(first | second), 1)
