"""Who keeps the event loop to itself is named with the line; nobody else is."""

import asyncio
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bot.testing.watch import MAX_BUSY, BlockWatch

CODE = """
import asyncio
import time

async def blocks(seconds):
    await asyncio.sleep(0.02)
    time.sleep(seconds)

async def computes(seconds):
    await asyncio.sleep(0.02)
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

async def waits(seconds):
    await asyncio.sleep(seconds)
    await asyncio.to_thread(time.sleep, seconds)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> ModuleType:
    file = tmp_path / "plugin" / "__init__.py"
    file.parent.mkdir()
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location("blocking_plugin", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_a_sleep_that_blocks_is_named_once(plugin: ModuleType, tmp_path: Path) -> None:
    with BlockWatch(tmp_path / "plugin") as watch:
        await plugin.blocks(3 * MAX_BUSY)
        await asyncio.sleep(0.05)
    assert watch.found == ["__init__.py:7"]


async def test_so_is_what_computes(plugin: ModuleType, tmp_path: Path) -> None:
    with BlockWatch(tmp_path / "plugin") as watch:
        await plugin.computes(4 * MAX_BUSY)
        await asyncio.sleep(0.05)
    assert len(watch.found) == 1
    assert watch.found[0] in ("__init__.py:12", "__init__.py:13")


async def test_each_time_counts(plugin: ModuleType, tmp_path: Path) -> None:
    with BlockWatch(tmp_path / "plugin") as watch:
        for _ in range(2):
            await plugin.blocks(2 * MAX_BUSY)
            await asyncio.sleep(0.05)
    assert len(watch.found) == 2


async def test_waiting_is_no_blocking(plugin: ModuleType, tmp_path: Path) -> None:
    with BlockWatch(tmp_path / "plugin") as watch:
        await plugin.waits(2 * MAX_BUSY)
        await plugin.blocks(MAX_BUSY / 5)
    assert watch.found == []


async def test_what_others_block_is_not_laid_at_its_door(plugin: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with BlockWatch(tmp_path / "other") as watch:
        await plugin.blocks(2 * MAX_BUSY)
    assert watch.found == []


async def test_that_its_code_takes_long_to_import_is_not_its_doing(tmp_path: Path) -> None:
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "slow_to_import.py").write_text(f"import time\ntime.sleep({3 * MAX_BUSY})\n")
    sys.path.insert(0, str(folder))
    try:
        with BlockWatch(folder) as watch:
            await asyncio.sleep(0.02)
            importlib.import_module("slow_to_import")
            await asyncio.sleep(0.05)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("slow_to_import", None)
    assert watch.found == []


async def test_nothing_of_it_is_left(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    with BlockWatch(tmp_path) as watch:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not watch._looking.is_alive()
    assert asyncio.all_tasks() == before
