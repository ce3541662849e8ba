"""A config file that may change at once."""

from pathlib import Path

import pytest

from bot.config import watch


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file with one setting; whoever reloads it waits hardly at all for it to be whole."""
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.05)
    file = tmp_path / "config.yaml"
    file.write_text("defaults: {voicebot: guide}\n")
    return file
