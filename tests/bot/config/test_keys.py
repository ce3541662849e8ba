"""Every setting by its dotted name, and whose it is to say."""

from datetime import time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
import yaml
from pydantic import Field, SecretStr

from bot.config.example import example
from bot.config.keys import as_written, is_operator_only, leaves, server_keys
from bot.config.model import OPERATOR, PluginSettings, ProviderSettings, Settings, UncheckedSettings
from bot.plugin_host.catalog import Catalog
from plugins.voicebot.commands.settings import inline


class Loud(PluginSettings):
    volume: int = 5


def test_every_setting_has_a_key_and_a_description() -> None:
    keys = server_keys(Catalog.load().models)
    assert {"voicebot", "limits.server.minutes_per_day", "plugins.transcript.people", "plugins.images.enabled"} <= set(
        keys
    )
    assert keys["limits.server.minutes_per_call"].default == 120
    assert keys["limits.user.minutes_per_call"].default is None
    described = [key for key in keys.values() if key.description]
    assert len(described) > len(keys) // 2


def test_what_is_the_operators_is_marked() -> None:
    keys = server_keys(Catalog.load().models)
    is_operator_only = {dotted for dotted, key in keys.items() if key.operator}
    assert {"provider", "plugins.valsea.base_url", "plugins.valsea.api_key_env"} <= is_operator_only
    assert "voicebot" not in is_operator_only


def test_the_operator_may_keep_more() -> None:
    keys = server_keys({"loud": Loud}, locked=("limits", "plugins.loud.volume"))
    assert keys["limits.server.minutes_per_day"].operator
    assert keys["limits.time_zone"].operator
    assert keys["plugins.loud.volume"].operator
    assert not keys["plugins.loud.enabled"].operator
    assert not keys["level_balance"].operator


def test_settings_of_a_server_one_by_one() -> None:
    keys = server_keys({"loud": Loud})
    data = {
        "voicebots": {"guide": "66f0"},
        "limits": {"server": {"cooldown": 5}},
        "plugins": {"loud": {"volume": 9}},
        "x": 1,
    }
    assert dict(leaves(data, keys)) == {
        ("voicebots",): {"guide": "66f0"},
        ("limits", "server", "cooldown"): 5,
        ("plugins", "loud", "volume"): 9,
        ("x",): 1,
    }


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("limits", True),
        ("limits.server.minutes_per_call", True),
        ("limits.users.77.minutes_per_day", True),
        ("plugins.loud.volume", True),
        ("plugins.loud", True),  # what replaces the block replaces the volume
        ("plugins.loud.enabled", False),
        ("voicebot", False),
    ],
)
def test_what_is_the_operators(path: str, theirs: bool) -> None:
    keys = server_keys({"loud": Loud}, locked=("limits", "plugins.loud.volume"))
    assert is_operator_only(tuple(path.split(".")), keys) is theirs


def test_what_stands_in_the_operators_blocks_is_theirs_also_when_nobody_knows_it() -> None:
    """A plugin that cannot be used now says nothing of its keys, and may be a provider."""
    keys = server_keys({"acme": UncheckedSettings, "pay": ProviderSettings, "loud": Loud}, locked=("plugins.loud",))
    for path in ("plugins.acme.base_url", "plugins.acme", "plugins.pay.base_url", "plugins.loud.new.key"):
        assert is_operator_only(tuple(path.split(".")), keys), path


class Account(Settings):
    url: str = "https://acme.example"


class Marked(Settings):
    url: str = Field("https://acme.example", json_schema_extra=OPERATOR)
    note: str = ""


class Paying(PluginSettings):
    account: Account = Field(Account(), json_schema_extra=OPERATOR)
    block: Marked = Marked()
    perhaps: Marked | None = None
    named: dict[str, list[Marked]] = Field(default_factory=dict)
    other: dict[str, Account] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("account", True),
        ("account.url", True),
        ("block.url", True),
        ("block.note", False),
        ("perhaps", True),
        ("perhaps.url", True),
        ("named.x", True),
        ("other.x.url", False),
    ],
)
def test_a_block_of_the_operators_is_theirs_with_all_in_it(path: str, theirs: bool) -> None:
    keys = server_keys({"pay": Paying})
    assert is_operator_only(("plugins", "pay", *path.split(".")), keys) is theirs


def test_who_says_what_of_a_plugin_that_nobody_knows_is_not_known() -> None:
    keys = server_keys({"loud": Loud})
    assert keys.is_of_no_plugin(("plugins", "acme"))
    assert keys.is_of_no_plugin(("plugins", "acme", "url"))
    assert not keys.is_of_no_plugin(("plugins", "loud", "nonsense"))
    assert not keys.is_of_no_plugin(("plugins",))
    assert not keys.is_of_no_plugin(("voicebots", "acme"))


class Mode(Enum):
    FAST = "fast"


class Odd(PluginSettings):
    mode: Mode = Mode.FAST
    price: Decimal = Decimal("1.50")
    folder: Path = Path("/tmp")
    every: timedelta = timedelta(minutes=5)
    at: time = time(7, 30)
    secret: SecretStr = SecretStr("hidden")
    some: frozenset[int] = frozenset({3})


def test_a_value_of_any_kind_can_be_shown() -> None:
    shown = as_written(Odd())
    assert yaml.safe_load(yaml.safe_dump(shown)) == {
        "enabled": True,
        "mode": "fast",
        "price": "1.50",
        "folder": "/tmp",
        "every": "PT5M",
        "at": "07:30:00",
        "secret": "**********",
        "some": [3],
    }
    assert "mode: fast" in example({"odd": Odd})
    assert inline(Odd().mode) == "`fast`"
