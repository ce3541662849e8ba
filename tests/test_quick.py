"""What a quick run leaves out: what needs a stage, by what it imports and what it asks for, and nothing else."""

from pathlib import Path

import pytest

from tests.quick import HEAVY, ROOT, imports, needs_a_stage, stage_fixtures


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of its own, with a module of the product that imports LiveKit's SDK and one that does not."""
    monkeypatch.setattr("tests.quick.ROOT", tmp_path)
    needs_a_stage.cache_clear()
    imports.cache_clear()
    for name, code in {
        "bot/room.py": "from livekit import rtc\n",
        "bot/call.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from bot.room import rtc\n",
        "bot/app.py": "from .room import rtc\n",
        "tests/support.py": "import asyncio\n",
        "tests/running.py": "from sandbox.stage import Stage\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        ("import asyncio", False),
        ("from tests.support import eventually", False),
        ("from bot.call import Call", False),  # only the type checker imports more
        ("from sandbox.stage import Stage", True),
        ("import livekit.rtc", True),
        ("from tests.running import RunningBot", True),
        ("from tests import running", True),
        ("from bot.room import rtc", True),
        ("from bot.app import Parley", True),  # by a relative import of its own
        ("try:\n    import livekit.rtc\nexcept ImportError:\n    pass", True),
        ("try:\n    import one\nexcept ImportError:\n    import livekit.rtc", True),
        ("import sys\nif sys.version_info:\n    import one\nelse:\n    import livekit.rtc", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import livekit.rtc", False),
        ("def test():\n    import livekit", False),  # it is imported when that test runs, which fails it
    ],
)
def test_a_module_needs_a_stage_by_what_its_import_brings(folder: Path, code: str, needs: bool) -> None:
    file = folder / "tests" / "test_something.py"
    file.write_text(code)
    assert needs_a_stage(file) is needs


def test_every_fixture_of_the_stage_is_known() -> None:
    assert {"stage", "ordinary_bot", "impatient_bot", "default_bot", "whole_bot"} <= stage_fixtures()


def test_the_centre_is_tested_without_a_stage() -> None:
    """What carries sound is told apart from what decides: neither LiveKit's SDK nor the sandbox is imported for it."""
    for name in ("call/test_call.py", "call/test_manager.py", "call/connection/test_reconnector.py"):
        assert not needs_a_stage(ROOT / "tests" / "bot" / name)
    assert needs_a_stage(ROOT / "tests" / "calls" / "test_endings.py")
    assert "livekit" in HEAVY
