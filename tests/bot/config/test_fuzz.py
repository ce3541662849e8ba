"""The short form of `python -m tests.fuzz_config`, and that an error leaves the config in force alone."""

import random
from pathlib import Path

from bot.config.config_file import ConfigFile
from bot.errors import ConfigError
from bot.plugin_host.catalog import Catalog
from tests.effort import examples
from tests.fuzz_config import TEXTS, fuzz, mutated


def test_mutated_files_are_valid_or_clearly_refused() -> None:
    outcome = fuzz(examples(1500), 7)
    assert outcome.failures == []
    assert outcome.valid > examples(50)
    assert sum(outcome.refused.values()) > examples(500)


def test_what_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(TEXTS[0])
    source = ConfigFile(file, Catalog.load().models)
    random_ = random.Random(3)
    refused = 0
    for _ in range(150):
        before = source.config
        file.write_bytes(mutated(random_).encode(errors="replace"))
        try:
            source.refresh()
        except ConfigError:
            refused += 1
            assert source.config is before
    assert refused > 30
