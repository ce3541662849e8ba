"""What admins may change of their server's file, and what stays the operator's whatever they put in its place."""

from pathlib import Path

import pytest
from pydantic import Field

from bot.config.admin import AdminSettings
from bot.config.config_file import ConfigFile
from bot.config.edit import ABSENT
from bot.config.model import OPERATOR, PluginSettings
from bot.errors import ConfigError, Refused
from tests.bot.config.loud import GUILD


class Keyed(PluginSettings):
    volume: int = Field(5, ge=0, le=10)
    api_key_env: str | None = Field(None, json_schema_extra=OPERATOR)


@pytest.fixture
def own(file: Path) -> Path:
    """A server's own file, of which a part is the operator's."""
    file.write_text("locked: [limits]\ndefaults: {voicebot: guide}\n")
    own = file.parent / "servers" / f"{GUILD}.yaml"
    own.parent.mkdir()
    own.write_text("voicebot: poet\nplugins:\n  keyed:\n    api_key_env: A_KEY\n    volume: 7\n")
    return own


@pytest.fixture
def admin(file: Path, own: Path) -> AdminSettings:
    return AdminSettings(ConfigFile(file, {"keyed": Keyed}), {"keyed": Keyed})


async def test_a_setting_is_changed_and_taken_out(admin: AdminSettings, own: Path) -> None:
    await admin.change(GUILD, {("plugins", "keyed", "volume"): 3})
    assert "volume: 3" in admin.text(GUILD)
    await admin.change(GUILD, {("voicebot",): ABSENT})
    assert "voicebot" not in own.read_text()


@pytest.mark.parametrize(
    "path",
    [
        ("plugins", "keyed", "api_key_env"),
        ("plugins", "keyed"),  # which has something of theirs in it
        ("limits", "server", "minutes_per_day"),
        ("limits",),
    ],
)
async def test_what_is_the_operators_is_refused(admin: AdminSettings, own: Path, path: tuple[str, ...]) -> None:
    before = own.read_text()
    with pytest.raises(Refused, match="operator can change"):
        await admin.change(GUILD, {path: ABSENT})
    assert own.read_text() == before


async def test_a_wrong_value_changes_nothing(admin: AdminSettings, own: Path) -> None:
    before = own.read_text()
    with pytest.raises(ConfigError):
        await admin.change(GUILD, {("plugins", "keyed", "volume"): 11})
    assert own.read_text() == before


async def test_a_text_in_place_of_the_file_keeps_what_is_the_operators(admin: AdminSettings, own: Path) -> None:
    await admin.replace(GUILD, "language: de\n")
    assert own.read_text() == "language: de\nplugins:\n  keyed:\n    api_key_env: A_KEY\n"


@pytest.mark.parametrize("text", ["plugins: {keyed: {api_key_env: OTHER}}\n", "limits: {server: {calls: 1}}\n"])
async def test_a_text_may_not_say_what_is_the_operators(admin: AdminSettings, own: Path, text: str) -> None:
    before = own.read_text()
    with pytest.raises(Refused, match="Remove it from the file"):
        await admin.replace(GUILD, text)
    assert own.read_text() == before


async def test_a_server_without_a_file_gets_one(admin: AdminSettings, own: Path) -> None:
    other = GUILD + 1
    assert admin.text(other) == ""
    await admin.change(other, {("language",): "vi"})
    assert (own.parent / f"{other}.yaml").read_text() == "language: vi\n"
