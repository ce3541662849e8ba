"""From `parley plugins new` to a plugin that works: what it writes passes its own test, and stands what it must."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import plugins
from bot.errors import PluginError
from bot.plugin_host import template
from bot.testing import conformance
from bot.testing.conformance import CHECKS
from tests.bot.plugin_host.test_discovery import GOOD, put


def _pytest(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:simcord",
        "--rootdir",
        str(folder),
        *more,
        str(folder),
    ]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_a_new_plugin_passes_its_own_test(tmp_path: Path) -> None:
    template.write("dice_roller", tmp_path)
    run = _pytest(tmp_path / "dice_roller")
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(CHECKS) + 1} passed" in run.stdout


@pytest.mark.usefixtures("whole_bot")
def test_a_new_plugin_passes_its_own_test_on_the_sandbox(tmp_path: Path) -> None:
    template.write("dice_roller", tmp_path)
    run = _pytest(tmp_path / "dice_roller", "--parley-sandbox", "-k", "greets")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout


def test_and_fails_it_when_it_is_broken(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    code.write_text(code.read_text().replace("lines = self._lines.pop", "lines = self._lines.pip"))
    run = _pytest(tmp_path / "dice", "-k", "greets")
    assert run.returncode == 1
    assert "'dict' object has no attribute 'pip'" in run.stdout


@pytest.mark.parametrize("name", ["Dice", "1dice", "dice-roller", "", "x" * 40, "../dice"])
def test_a_name_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match="cannot be a plugin's name"):
        template.write(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "why"), [("images", "there is a plugin images already"), ("json", "json is a Python module")]
)
def test_a_name_that_is_taken(tmp_path: Path, name: str, why: str) -> None:
    """By another plugin, or by a module that pytest would import in its place."""
    with pytest.raises(PluginError, match=why):
        template.write(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_printed_once_and_what_lies_beside_it_not_at_all(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "dice", GOOD)
    put(tmp_path, "cards", GOOD.replace("dice", "cards"))
    assert plugins.check(tmp_path / "dice") == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"{tmp_path}/dice/__init__.py:1: RuntimeError: imported"


def test_a_translation_with_a_name_that_its_sentence_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template.write("dice", tmp_path)
    (tmp_path / "dice" / "locales").mkdir()
    (tmp_path / "dice" / "locales" / "de.po").write_text(
        'msgid "{person} rolled."\nmsgstr "{preson} hat gewürfelt."\n\nmsgid "50 % {"\nmsgstr "50 % {"\n'
    )
    assert plugins.check(tmp_path / "dice") == 1
    told = f"{tmp_path}/dice/locales/de.po:1: the translation says {{preson}}, which its sentence does not have"
    assert capsys.readouterr().err.strip() == told


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cards").mkdir()
    assert plugins.new("cards", tmp_path) == 1
    assert "cards is there already" in capsys.readouterr().err
    assert plugins.new("dice", tmp_path) == 0
    assert plugins.new("dice", tmp_path) == 1
    assert "there is a plugin dice already" in capsys.readouterr().err


def test_thorough_checks(tmp_path: Path) -> None:
    """As people call it: in a process of its own, whatever the plugin does to it."""
    template.write("dice", tmp_path)
    command = [sys.executable, "-m", "bot", "plugins", "check", str(tmp_path / "dice"), "--thorough"]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (good.returncode, "reloaded in mid call: good" in good.stdout) == (0, True), good.stdout + good.stderr


async def test_a_task_that_outlives_its_plugin_is_named(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    code.write_text(
        code.read_text().replace(
            "        if line.final:\n",
            "        import asyncio\n\n        asyncio.ensure_future(asyncio.sleep(99))\n        if line.final:\n",
        )
    )
    found = await conformance.run(tmp_path / "dice", conformance.twice)
    assert any("tasks are left when it is unloaded" in problem for problem in found), found


async def test_a_thread_that_outlives_its_plugin_is_named(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    begun = "        import threading\n\n        threading.Timer(3, len, ['']).start()\n"
    code.write_text(code.read_text().replace("        if line.final:\n", f"{begun}        if line.final:\n"))
    (found,) = await conformance.run(tmp_path / "dice", conformance.twice)
    assert "threads are left when it is unloaded: Thread-" in found


@pytest.mark.parametrize("harm", ['raise ValueError("boom")', 'self.tasks.create(self.boom(), "boom")'])
async def test_what_fails_in_a_hook_is_found(tmp_path: Path, harm: str) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    broken = code.read_text().replace("        if line.final:\n", f"        {harm}\n        if line.final:\n")
    task = '    async def boom(self) -> None:\n        raise ValueError("boom")\n\n'
    code.write_text(broken.replace("    async def on_transcript", f"{task}    async def on_transcript"))
    found = await conformance.run(tmp_path / "dice", conformance.twice)
    assert any("ValueError: boom" in problem for problem in found), found


def test_thorough_checks_outlive_a_plugin_that_ends_the_process(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    code.write_text(
        code.read_text().replace("        if line.final:\n", "        raise SystemExit(3)\n        if line.final:\n")
    )
    command = [sys.executable, "-m", "bot", "plugins", "check", str(tmp_path / "dice"), "--thorough"]
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "exit code 3" in bad.stdout
