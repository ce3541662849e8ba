"""Every built-in plugin stands what every plugin must."""

import sys
from pathlib import Path

import pytest

from bot.plugin_host import template
from bot.plugin_host.contract import HOOKS
from bot.testing import conformance
from bot.testing.server import PlayedServer

NASTY = Path("tests/calls/nasty")
PLUGINS = sorted(file.parent for file in Path("plugins").glob("*/plugin.yaml"))


#: The line on which the nasty plugin blocks.
BLOCKS = 1 + [line.strip()[:11] for line in (NASTY / "__init__.py").read_text().splitlines()].index("time.sleep(")


@pytest.mark.parametrize("check", conformance.CHECKS)
@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
async def test_built_in(folder: Path, check: str) -> None:
    assert await conformance.run(folder, conformance.CHECKS[check]) == []


@pytest.mark.parametrize(
    ("way", "check", "wrong"),
    [
        ("blocks", "twice", f"__init__.py:{BLOCKS} keeps the event loop busy"),
        ("floods", "writes_no_more_than_discord_takes", "messages posted or edited after 2 s in which nothing"),
        ("raises", "twice", "as it must not"),
        ("leaks", "writes_no_more_than_discord_takes", "tasks are left"),
    ],
)
async def test_what_is_wrong_with_a_bad_one_is_found(way: str, check: str, wrong: str) -> None:
    found = await conformance.run(NASTY, conformance.CHECKS[check], {"way": way})
    assert any(wrong in problem for problem in found), found


async def test_a_channel_that_is_not_there_when_a_call_begins(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    code = tmp_path / "dice" / "__init__.py"
    code.write_text(code.read_text().replace("if channel is not None:  #", "if True:  #"))
    found = await conformance.run(tmp_path / "dice", conformance.no_channel_from_the_start)
    assert "'NoneType' object has no attribute 'send'" in found[0]


async def test_catalogues_are_looked_at(tmp_path: Path) -> None:
    template.write("dice", tmp_path)
    (tmp_path / "dice" / "locales").mkdir()
    (tmp_path / "dice" / "locales" / "de.po").write_text("msgid {")
    (found,) = await conformance.run(tmp_path / "dice", conformance.words_in_every_language)
    assert "de.po: it cannot be read as a catalogue" in found


ACME = """
from bot.config.model import ProviderSettings
from bot.errors import ProviderDown
from bot.plugin_host.plugin import Plugin


class Acme:
    title, answer_timeout = "Acme", 1.0

    def __init__(self, account):
        self.account = account

    async def open_session(self, voicebot, participant):
        raise ProviderDown("away")

    async def end_session(self, reference):
        raise ProviderDown("away")  # END

    async def image_library(self, voicebot):
        raise ProviderDown("away")

    async def messages(self, reference):
        raise ProviderDown("away")

    def read_packet(self, payload):
        return []

    async def close(self):
        pass


class AcmePlugin(Plugin):
    name = "acme"
    Settings = ProviderSettings

    @staticmethod
    def connect(settings, tls, account):
        return Acme(account)


PLUGIN = AcmePlugin
"""


@pytest.mark.parametrize(
    ("good", "bad", "wrong"),
    [
        ("", "", None),
        ("async def messages", "async def letters", "what connect gives has no messages; see bot/provider.py"),
        ("return []", "return payload[0]", "IndexError"),
        ('raise ProviderDown("away")  # END', "raise OSError", "end_session raises OSError, which is no ProviderError"),
        ('raise ProviderDown("away")  # END', "return None", "end_session says that all is well, without a network"),
        ("(settings, tls, account)", "(settings)", "connect: it is called with (settings, network, account)"),
    ],
)
async def test_a_provider_is_looked_at(tmp_path: Path, good: str, bad: str, wrong: str | None) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "plugin.yaml").write_text("name: acme\nversion: 1.0.0\napi: 1\ndescription: Opens sessions\n")
    (tmp_path / "acme" / "__init__.py").write_text(ACME.replace(good, bad) if good else ACME)
    found = await conformance.run(tmp_path / "acme", conformance.connects)
    assert found == [] if wrong is None else any(wrong in problem for problem in found), found


async def test_one_that_listens_has_nothing_wrong() -> None:
    for check in conformance.CHECKS:
        assert await conformance.run(NASTY, conformance.CHECKS[check], {"way": "listens"}) == []


EVERY_HOOK = """
from bot.api import Plugin

CALLED = []


class Every(Plugin):
    name = "every"


def note(name):
    async def hook(self, *arguments):
        CALLED.append(name)
    return hook


for name in {hooks!r}:
    setattr(Every, name, note(name))

PLUGIN = Every
"""


async def test_a_played_call_calls_every_hook(tmp_path: Path) -> None:
    """One that the checks never call is one whose faults they never find."""
    folder = tmp_path / "every"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("name: every\nversion: 1.0.0\napi: 1\ndescription: all\nstores: nothing\n")
    (folder / "__init__.py").write_text(EVERY_HOOK.format(hooks=HOOKS))
    server = await PlayedServer.open(folder)
    try:
        await conformance.CHECKS["twice"](server)
        called: list[str] = sys.modules[type(server.plugin).__module__].CALLED
    finally:
        await server.close()
    assert set(HOOKS) <= set(called), set(HOOKS) - set(called)
