"""What the flight records of all calls on a stage must be, whatever happened in them: readable, understood, and without
a word, a name, an id or a secret.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from bot.live.contract import ASSUMPTIONS as LIVE
from bot.recorder.contract import judge
from bot.recorder.reading import FlightRecord, read
from bot.recorder.timeline import timeline
from plugins.valsea.contract import ASSUMPTIONS as VALSEA
from sandbox.stage import Stage

ROOT = Path(__file__).parents[1]
#: Assumptions besides the core's own.
MORE = (*VALSEA, *LIVE)
#: What gives an id, a token, an address or a key away by its form alone.
FORMS = {
    "an id": re.compile(r"\d{15,}"),
    "a token": re.compile(r"[\w-]{20,}\.[\w-]{6,}\.[\w-]{20,}"),
    "a key": re.compile(r"[0-9a-fA-F]{24,}|vl_\w+"),
    "an address": re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|https?://|wss?://"),
}
#: Letters that a word must have to be looked for: shorter ones stand in any text.
MIN_LETTERS = 5


def check(stage: Stage) -> None:
    """Look at every flight record on the stage; AssertionError with the file and the line."""
    private = confidential(stage) - own_words()
    for file in sorted(stage.folder.rglob("*.jsonl")):
        record = read(file)
        check_form(record)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = [what for what, form in FORMS.items() if form.search(line)]
            found += sorted(set(words(line)) & private)
            assert not found, f"{file}:{number} holds {found}: {line}"


def check_form(record: FlightRecord) -> None:
    """All entries are of a kind that is known, and can be told."""
    unknown = [entry for entry in record.entries if entry["kind"] == "unknown"]
    assert not unknown, f"{record.file}: {unknown[:3]}"
    assert len(list(timeline(record, everything=True))) == len(record.entries) + 1
    assert all(finding.verdict.outcome for finding in judge(record, MORE))


def confidential(stage: Stage) -> set[str]:
    """The words of everything that was said, and of all names and secrets, in lower case."""
    world = stage.discord.world
    texts = [world.name_of(person.user_id) for person in stage.people]
    for session in stage.valsea.sessions.values():
        texts += [session.room, session.participant, *(message["content"] for message in session.messages)]
    for bot in stage.bots:
        texts += [bot.account.token, bot.key]
    return {word for text in texts for word in words(text)}


def words(text: str) -> Iterator[str]:
    """The words of a text that are long enough to mean something."""
    return (word for word in re.findall(r"\w+", text.lower()) if sum(map(str.isalpha, word)) >= MIN_LETTERS)


def own_words() -> set[str]:
    """The words of the code, which stand in flight records whatever people say."""
    files = [file for folder in ("bot", "plugins") for file in (ROOT / folder).rglob("*.py")]
    return {word for file in files for word in words(file.read_text())}
