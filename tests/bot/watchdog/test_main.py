"""The watchdog's process: what it loads, and that only a wrong config of its own keeps it from running."""

import asyncio
import subprocess
import sys
from pathlib import Path

from bot.plugin_host.catalog import Catalog
from bot.watchdog.main import watch
from tests.support import happens

#: What carries sound, and what it takes to write to Discord: none of it ends a session.
UNUSED = ("livekit", "numpy", "bot.app", "bot.room.connection", "bot.media.session", "plugins.voicebot")


def test_it_loads_nothing_that_it_never_uses() -> None:
    """It lives as long as the bot does, and starts with it."""
    code = (
        "import sys, bot.cli.main, bot.watchdog.main\n"
        "from bot.plugin_host.catalog import Catalog\n"
        "assert list(Catalog.load(providers_only=True).classes) == ['valsea']\n"
        f"print([name for name in {UNUSED!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


async def test_settings_of_other_plugins_do_not_keep_it_from_running(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("defaults: {plugins: {transcript: {people: nonsense}}}\n")
    running = asyncio.create_task(watch(file, Catalog.load(providers_only=True)))
    try:
        assert await happens(lambda: (tmp_path / "parley.sqlite3").exists() or running.done(), 20)
        await asyncio.sleep(0.1)
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
