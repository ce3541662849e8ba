"""Which account pays: by the settings in force, whatever is reloaded."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.config.config_file import ConfigFile
from bot.config.model import NetworkSettings, ServerSettings
from bot.errors import Refused
from bot.network import Network
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.providers import Providers
from plugins.valsea.settings import ValseaSettings
from tests.bot.billing.records import record

GUILD = 123456789012345678
CONFIG = f"servers: {{'{GUILD}': {{plugins: {{valsea: {{api_key_env: VALSEA_API_KEY_MUSEUM}}}}}}}}\n"


async def test_new_code_of_a_provider_goes_on_with_the_servers_own_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built-in settings in their place would send every server's calls to one account."""
    monkeypatch.setenv("VALSEA_API_KEY", "vl_everybody")
    monkeypatch.setenv("VALSEA_API_KEY_MUSEUM", "vl_museum")
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    catalog = Catalog.load()
    source = ConfigFile(file, catalog.models)
    providers = Providers(lambda: source.config, catalog.classes, lambda: Network.of(NetworkSettings()))

    def paid_by() -> str:
        return providers.of_server(GUILD, source.config.server(GUILD)).account.key_name

    assert paid_by() == "VALSEA_API_KEY_MUSEUM"
    account = providers.of_server(GUILD, source.config.server(GUILD)).account
    opened = record(guild_id=GUILD, provider="valsea", account=account)
    reimport = await catalog.reimport("valsea")
    try:
        reimport.take()
        assert paid_by() == "VALSEA_API_KEY_MUSEUM"  # the old code's, until the config is checked against the new
        old, source.config = source.config, source.recheck()
        with pytest.raises(Refused, match="just being changed"):
            paid_by()
        ending = providers.of_session(opened)  # what is open can be ended all the same
        assert ending.account == opened.account
        assert providers.enders(opened) == [ending]
        providers.use(catalog.classes)
        assert paid_by() == "VALSEA_API_KEY_MUSEUM"
        assert type(providers.of_server(GUILD, source.config.server(GUILD))).__module__ == "plugins.valsea.client"
    finally:
        reimport.undo()
    source.config = old
    providers.use(catalog.classes)
    assert paid_by() == "VALSEA_API_KEY_MUSEUM"
    await providers.close()


async def test_a_provider_that_raises_refuses_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def connect(*_: object) -> None:
        raise TypeError("not like that")

    config: Any = SimpleNamespace(find=lambda *_: ValseaSettings())
    broken: Any = SimpleNamespace(connect=connect, Settings=ValseaSettings)
    providers = Providers(lambda: config, {"acme": broken}, lambda: Network.of(NetworkSettings()))
    with pytest.raises(Refused, match="The provider `acme` failed"):
        providers.of_server(GUILD, ServerSettings(provider="acme"))
    assert "TypeError: not like that" in caplog.text
