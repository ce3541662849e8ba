"""Mutated config files: `make fuzz FILES=100000`. Each is a valid config, or an error that names its place.

What is mutated are texts that people write; the mutations are those of hurried editors, of broken disks, and of people
who wish the parser ill.
"""

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bot.config.load import PluginModels, check
from bot.config.source import parse
from bot.errors import ConfigError
from bot.plugin_host.catalog import Catalog

FILE = Path("config.yaml")
TEXTS = (
    "discord: {token_env: DISCORD_TOKEN}\ndefaults:\n  voicebot: guide\n  language: de\n"
    "  limits:\n    time_zone: UTC\n",
    "defaults:\n  plugins:\n    valsea: {api_key_env: KEY}\n    transcript: {people: true}\n"
    "servers:\n  123456789012345678:\n    voicebots: {guide: vb_1, clown: vb_2}\n    access: {start: [1, 2]}\n",
    "servers:\n  1:\n    limits:\n      server: {minutes_per_call: 30}\n      quiet_hours: ['23:00-07:00']\n"
    "      users:\n        77: {minutes_per_day: 5}\nlocked: [limits, plugins.images]\nmax_calls: 4\n",
    "plugin_folders: []\nledger: {file: a.sqlite3, watchdog: true, heartbeat_limit: 20}\nlog: {level: INFO}\n"
    "network:\n  connect_to:\n    'discord.com': '127.0.0.1:443'\n",
)
PIECES = (
    *("\t", "\n", ":", ": ", "- ", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "!!python/object/apply:os.system [ls]"),
    *("!!binary aGk=", "? ", "| ", "> ", "%YAML 1.1", "---\n", "...\n", "#", "'", '"', "\x00", "\ufeff", "\u2028", "é"),
    *("null", "~", ".nan", ".inf", "-.inf", "1e999", "0x1F", "0o17", "1_000", "2026-01-01", "12:30:45", "yes", "on"),
    *(
        "9" * 400,
        "-1",
        "true",
        "[[[[[[[[",
        "[" * 2000,
        "{a: {a: {a: ",
        "a: &a [*a]",
        "a: &a {a: *a}",
        "a" * 3000,
        "\\",
        "@",
        "`",
        "=",
        "123456789012345678",
    ),
)


@dataclass(slots=True)
class Outcome:
    """What became of the files."""

    files: int = 0
    valid: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by the beginning of the message
    failures: list[str] = field(default_factory=list)


def mutated(random_: random.Random) -> str:
    """A text that somebody could have written, with up to five things wrong with it."""
    text = random_.choice(TEXTS)
    for _ in range(random_.randint(1, 5)):
        at, length = random_.randrange(len(text) + 1), random_.choice((0, 0, 1, 1, 5, 30))
        kind = random_.randrange(5)
        if kind == 0:
            text = text[:at] + random_.choice(PIECES) + text[at + length :]
        elif kind == 1:
            text = text[:at] + text[at + length :]
        elif kind == 2:
            text = text[:at] + text[at : at + length] * random_.choice((2, 2, 3, 50)) + text[at + length :]
        elif kind == 3:
            text = text[:at] + chr(random_.choice((random_.randrange(256), random_.randrange(0xD800)))) + text[at + 1 :]
        else:
            other = random_.choice(TEXTS)
            cut = random_.randrange(len(other))
            text = text[:at] + other[cut : cut + 60] + text[at + length :]
    return text


def fuzz(files: int, seed: int, models: PluginModels | None = None) -> Outcome:
    """Check so many mutated files."""
    random_, outcome = random.Random(seed), Outcome()
    models = Catalog.load().models if models is None else models
    for _ in range(files):
        text = mutated(random_)
        outcome.files += 1
        try:
            check(parse(FILE, text), models)
            outcome.valid += 1
        except ConfigError as error:
            if not error.problems or any(not _is_clear(problem.message, str(problem)) for problem in error.problems):
                outcome.failures.append(f"{text!r}: unclear: {error}")
            outcome.refused[error.problems[0].message.split(":")[0][:30]] += 1
        except Exception as error:
            outcome.failures.append(f"{text!r}: {type(error).__name__}: {error}")
    return outcome


def _is_clear(message: str, whole: str) -> bool:
    """A place, and a sentence without Python's or pydantic's insides."""
    insides = (
        "Traceback",
        "object at 0x",
        "pydantic",
        "<class",
        "yaml.",
        "NoneType",
        "Settings",
        "tuple",
        "instance of",
        "valid dict",
    )
    return whole.startswith(f"{FILE}:") and bool(message.strip()) and not any(sign in message for sign in insides)


def main() -> int:
    """0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_config")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    outcome = fuzz(options.files, options.seed)
    print(f"{outcome.files} files in {time.monotonic() - began:.0f} s: {outcome.valid} valid, the others refused:")
    for message, count in outcome.refused.most_common(20):
        print(f"  {count:7} {message}")
    for failure in outcome.failures[:20]:
        print(f"FAILED {failure}")
    print(f"{len(outcome.failures)} failures")
    return int(bool(outcome.failures))


if __name__ == "__main__":
    sys.exit(main())
