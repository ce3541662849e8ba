"""What a plugin's test can ask of the bot: settings that it changes, and all that the API names of calls."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.api import ABSENT, ConfigError, Host, PluginError, Starter, VoiceChannel
from bot.billing.limits import Budget
from bot.errors import Refused, VoiceError
from bot.testing import PlayedServer
from bot.testing.server import GUILD_ID, VOICE_ID
from tests.bot.billing.records import record

DICE = """
from bot.api import Plugin, PluginSettings


class DiceSettings(PluginSettings):
    sides: int = 6


class Dice(Plugin[DiceSettings]):
    name = "dice"
    Settings = DiceSettings


PLUGIN = Dice
"""
MANIFEST = "name: dice\nversion: 1.0.0\napi: 1\ndescription: Rolls dice\nstores: Nothing.\n"


@pytest.fixture
async def server(tmp_path: Path) -> Any:
    folder = tmp_path / "dice"
    folder.mkdir()
    (folder / "__init__.py").write_text(DICE)
    (folder / "plugin.yaml").write_text(MANIFEST)
    server = await PlayedServer.open(folder, {"sides": 8})
    yield server
    await server.close()


async def test_settings_can_be_changed_and_a_mistake_changes_nothing(server: PlayedServer) -> None:
    plugin, host = server.plugin, server.plugin.host
    assert plugin.settings(GUILD_ID).sides == 8
    await host.change_settings(GUILD_ID, {("plugins", "dice", "sides"): 20})
    assert plugin.settings(GUILD_ID).sides == 20
    with pytest.raises(ConfigError, match="sides"):
        await host.change_settings(GUILD_ID, {("plugins", "dice", "sides"): "many"})
    assert plugin.settings(GUILD_ID).sides == 20
    assert "sides: 20" in host.server_text(GUILD_ID)
    await host.change_settings(GUILD_ID, {("plugins", "dice", "sides"): ABSENT})
    assert plugin.settings(GUILD_ID).sides == 8
    await host.replace_settings(GUILD_ID, "plugins: {dice: {enabled: false}}\n")
    assert not plugin.enabled(GUILD_ID)


async def test_a_plugin_can_start_a_call_move_it_and_see_all_of_it(server: PlayedServer) -> None:
    calls, config = server.plugin.host.calls, server.plugin.host.config
    assert calls.of_guild(GUILD_ID) is None
    await server.join_voice("Ann")
    call = await calls.start(server.request_of("Ann"), config)
    assert calls.of_guild(GUILD_ID) is call
    assert (call.request.participant, call.voice_channel_id, call.voicebot_there) == ("Ann", VOICE_ID, True)
    assert (await call.sound_report()).packets_heard == 0
    with pytest.raises(Refused):
        await calls.start(server.request_of("Ann"), config)
    there: VoiceChannel = server.other_voice  # type: ignore[assignment]
    await call.move_to(there)
    assert call.channel is there
    assert calls.provider_of(GUILD_ID, config).title
    server.calls.records = [record(intended_at=100.0)]
    server.calls.left = [Budget("server", "day", 60, 10)]
    assert len(await calls.history(0.0, 1000.0, GUILD_ID)) == 1
    assert await calls.history(200.0, 1000.0, GUILD_ID) == []
    budgets = await calls.budgets(call.settings.limits, Starter(GUILD_ID, call.starter_id), datetime.now(UTC))
    assert budgets == server.calls.left
    assert calls.test_of(GUILD_ID) is None
    assert calls.still_billed(GUILD_ID) is None
    with pytest.raises(VoiceError):
        await calls.start_test(there, 1, config)


async def test_where_it_is_off_it_has_no_calls_in_a_test_either(server: PlayedServer) -> None:
    await server.start()
    host = server.plugin.host
    await host.replace_settings(GUILD_ID, "plugins: {dice: {enabled: false}}\n")
    await server.end()
    assert host.calls.of_guild(GUILD_ID) is None
    with pytest.raises(PluginError, match="switched off"):
        await host.calls.start(server.request_of("Ann"), host.config)


async def test_a_plugin_can_reload_itself(server: PlayedServer) -> None:
    before = server.plugin
    await before.host.reload_plugin("dice")
    assert server.plugin is not before


async def test_everything_that_the_api_names_of_the_host_is_there(server: PlayedServer) -> None:
    host = server.plugin.host
    assert [name for name in vars(Host) if not name.startswith("_") and not hasattr(host, name)] == []
