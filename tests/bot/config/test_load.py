"""A config file's way to settings; and for every mistake the file, the line, the key and the way out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from bot.config.load import Config, build, load
from bot.config.model import PluginSettings, ProviderSettings, UncheckedSettings
from bot.config.source import read_all
from bot.errors import ConfigError, Problem


class Loud(PluginSettings):
    volume: int = Field(5, ge=0, le=10)


PLUGINS: dict[str, type[PluginSettings]] = {"loud": Loud, "valsea": ProviderSettings}
GUILD = 123456789012345678


def _load(folder: Path, text: str) -> Config:
    file = folder / "config.yaml"
    file.write_text(text)
    return load(file, PLUGINS)


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    return [str(problem).removeprefix(str(folder) + "/") for problem in caught.value.problems]


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    config = _load(tmp_path, "")
    assert config.server(GUILD).empty_channel_grace == 30
    assert config.plugin(GUILD, "loud", Loud).volume == 5
    assert config.host.discord.token_env == "DISCORD_TOKEN"


def test_a_server_overlays_the_defaults_key_by_key(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        f"""
defaults:
  voicebot: usual
  empty_channel_grace: 10
  plugins:
    loud: {{volume: 3}}
servers:
  {GUILD}:
    voicebot: own
    plugins:
      loud: {{enabled: false}}
""",
    )
    own = config.server(GUILD)
    assert (own.voicebot, own.empty_channel_grace) == ("own", 10)
    assert config.plugin(GUILD, "loud", Loud) == Loud(enabled=False, volume=3)
    assert config.server(1).voicebot == "usual"
    assert config.plugin(1, "loud", Loud) == Loud(volume=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defaults:\n  voicbot: x\n", "config.yaml:2:3: defaults.voicbot: unknown key; did you mean `voicebot`?"),
        (
            "defaults:\n  empty_channel_grace: soon\n",
            "config.yaml:2:3: defaults.empty_channel_grace: expected a number, got 'soon'",
        ),
        (
            "defaults:\n  jitter_buffer_ms: 5\n",
            "config.yaml:2:3: defaults.jitter_buffer_ms: expected at least 20, got 5",
        ),
        (
            f"servers:\n  {GUILD}:\n    follow_moves: perhaps\n",
            f"config.yaml:3:5: servers.{GUILD}.follow_moves: expected true or false, got 'perhaps'",
        ),
        (
            "defaults:\n  plugins:\n    loud:\n      volume: 11\n",
            "config.yaml:4:7: defaults.plugins.loud.volume: expected at most 10, got 11",
        ),
        (
            "defaults:\n  plugins:\n    lout: {}\n",
            "config.yaml:3:5: defaults.plugins.lout: unknown key; did you mean `loud`?",
        ),
        (
            f"servers:\n  {GUILD}:\n    plugins:\n      loud:\n        volum: 3\n",
            f"config.yaml:5:9: servers.{GUILD}.plugins.loud.volum: unknown key; did you mean `volume`?",
        ),
        (
            "network:\n  connect_to:\n    discord.com: nowhere\n",
            "config.yaml:2:3: network.connect_to: discord.com: expected address:port, got 'nowhere'",
        ),
        ("discord: {}\ndiscord: {}\n", "config.yaml:2:1: discord: is set twice; this is the second time"),
        ("- a list\n", "config.yaml:1:1: expected `key: value` lines at the top"),
        (
            "defaults:\n  provider: vlasea\n",
            "config.yaml:2:3: defaults.provider: 'vlasea' is not installed; did you mean `valsea`?",
        ),
        (
            f"servers:\n  {GUILD}: {{provider: loud}}\n",
            f"config.yaml:2:24: servers.{GUILD}.provider: 'loud' is not installed; there are: valsea",
        ),
        (
            "defaults:\n  jitter_buffer_ms: 60\n  jitter_buffer_max_ms: 50\n",
            "config.yaml:3:3: defaults.jitter_buffer_max_ms: expected at least jitter_buffer_ms, which is 60, got 50",
        ),
        ("defaults:\n", "config.yaml:1:1: defaults: expected a block of `key: value` lines, got nothing"),
        (
            "defaults:\n  bitrate_kbps: true\n",
            "config.yaml:2:3: defaults.bitrate_kbps: expected a number, got true",
        ),
        (
            "defaults:\n  limits: {server: {minutes_per_day: off}}\n",
            "config.yaml:2:21: defaults.limits.server.minutes_per_day: expected a number, or null for none, got false",
        ),
        (
            "network: {ca_file: /nowhere.pem}\n",
            "config.yaml:1:11: network.ca_file: expected a file with certificates in PEM form (No such file",
        ),
        (
            "network: {connect_to: {a: 'b:99999999'}}\n",
            "config.yaml:1:11: network.connect_to: a: expected address:port, got 'b:99999999'",
        ),
        ("ledger: {file: .}\n", "config.yaml:1:10: ledger.file: expected the name of a file, got '.'"),
        ("servers:\n  museum: {}\n", "config.yaml:2:3: servers.museum: expected a whole number"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert problem.startswith(expected)


def test_every_mistake_is_told_at_once_and_each_once(tmp_path: Path) -> None:
    text = f"defaults:\n  jitter_buffer_ms: 5\n  voicbot: x\nservers:\n  {GUILD}: {{}}\n"
    assert len(_problems(tmp_path, text)) == 2


def test_a_server_id_of_thousands_of_digits(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, f'servers:\n  ? "{"9" * 5000}"\n  : {{}}\n')
    assert problem.startswith("config.yaml:2:5: servers.999")


def test_one_limit_does_not_do_away_with_another(tmp_path: Path) -> None:
    config = _load(tmp_path, "defaults: {limits: {server: {minutes_per_day: 60}}}\n")
    assert config.server(GUILD).limits.server.minutes_per_call == 120
    config = _load(tmp_path, "defaults: {limits: {server: {minutes_per_call: null}}}\n")
    assert config.server(GUILD).limits.server.minutes_per_call is None


def test_one_mistake_hides_no_other(tmp_path: Path) -> None:
    """Of the host's own settings, of a server's, and of plugins'."""
    text = f"""
max_calls: none
locked: [limit]
defaults: {{plugins: {{loud: {{volume: 11}}}}}}
servers:
  "01": {{}}
  {GUILD}: {{jitter_buffer_ms: 5, plugins: {{loud: {{volume: -1}}}}}}
"""
    assert [problem.split(": ")[1] for problem in _problems(tmp_path, text)] == [
        "max_calls",
        f"servers.{GUILD}.jitter_buffer_ms",
        "defaults.plugins.loud.volume",
        "servers.01",
        "locked.0",
        f"servers.{GUILD}.plugins.loud.volume",
    ]


def test_a_provider_that_cannot_be_used_for_now_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("defaults: {provider: other}\n")
    assert load(tmp_path / "config.yaml", {**PLUGINS, "other": UncheckedSettings}).host.defaults.provider == "other"


def test_a_lock_on_what_a_plugin_has_that_cannot_be_used_for_now_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("locked: [plugins.other.colour, plugins.loud.volume]\n")
    models: dict[str, type[PluginSettings]] = {**PLUGINS, "other": UncheckedSettings}
    assert load(tmp_path / "config.yaml", models).host.locked == ("plugins.other.colour", "plugins.loud.volume")


def test_a_servers_own_file_that_names_a_provider_which_is_gone_is_worth_a_word(tmp_path: Path) -> None:
    _own(tmp_path, f"{GUILD}.yaml", "provider: other\nvoicebot: own\n")
    (problem,) = _problems(tmp_path, "")
    assert problem.startswith(f"servers/{GUILD}.yaml:1:1: servers.{GUILD}.provider: 'other' is not installed")
    config = build(read_all(tmp_path / "config.yaml"), PLUGINS)
    assert config.server(GUILD).voicebot == "own"
    assert [warning.key for warning in config.warnings] == [f"servers.{GUILD}.provider"]


def test_a_tab_is_named(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "defaults:\n\tvoicebot: x\n")
    assert problem.startswith("config.yaml:2:1: not valid YAML")
    assert "indent with spaces" in problem


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; `parley example`"):
        load(tmp_path / "nowhere.yaml", PLUGINS)


def test_an_alias_bomb_does_not_go_off(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = _problems(tmp_path, "\n".join(lines))
    assert "expands to too many values" in problem


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "# " + "x" * 1_100_000)
    assert "is larger than" in problem


VALID = "discord:\n  token_env: T\ndefaults:\n  voicebot: abc\n  plugins:\n    loud: {volume: 3}\nservers:\n  5: {}\n"


@given(st.integers(0, len(VALID)), st.text(max_size=4), st.integers(0, 6))
def test_any_mutation_is_a_config_or_a_clear_error(position: int, inserted: str, removed: int) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(VALID[:position] + inserted + VALID[position + removed :], encoding="utf-8", errors="replace")
        problems = _outcome(file)
        assert problems is None or problems
        assert all(problem.place.file == file for problem in problems or ())


def _outcome(file: Path) -> list[Problem] | None:
    """What is wrong with a file; None when nothing is. Any other error than ours comes through."""
    try:
        load(file, PLUGINS)
    except ConfigError as error:
        return error.problems
    return None


def _own(folder: Path, name: str, text: str) -> None:
    (folder / "servers").mkdir(exist_ok=True)
    (folder / "servers" / name).write_text(text)


def test_a_server_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    _own(tmp_path, f"{GUILD}.yaml", "voicebot: own\nplugins:\n  loud: {volume: 2}\n")
    config = _load(tmp_path, "defaults: {voicebot: usual, empty_channel_grace: 10}\n")
    own = config.server(GUILD)
    assert (own.voicebot, own.empty_channel_grace) == ("own", 10)
    assert config.plugin(GUILD, "loud", Loud).volume == 2
    assert config.server(1).voicebot == "usual"


def test_a_mistake_in_a_servers_own_file_is_placed_there(tmp_path: Path) -> None:
    _own(tmp_path, f"{GUILD}.yaml", "voicebot: own\nplugins:\n  loud: {volume: 20}\n")
    (problem,) = _problems(tmp_path, "")
    assert f"servers/{GUILD}.yaml:3:10: servers.{GUILD}.plugins.loud.volume" in problem
    _own(tmp_path, f"{GUILD}.yaml", "voicbot: x\n")
    (problem,) = _problems(tmp_path, "")
    assert problem.startswith(
        f"servers/{GUILD}.yaml:1:1: servers.{GUILD}.voicbot: unknown key; did you mean `voicebot`"
    )


def test_a_servers_own_file_is_laid_over_its_block(tmp_path: Path) -> None:
    """The operator's word first, the server's over it; a mistake is placed where it stands."""
    _own(tmp_path, f"{GUILD}.yaml", "voicebot: own\nplugins:\n  loud: {volume: 2}\n")
    block = f"servers:\n  {GUILD}: {{voicebot: base, empty_channel_grace: 5, plugins: {{loud: {{enabled: false}}}}}}\n"
    config = _load(tmp_path, block)
    assert (config.server(GUILD).voicebot, config.server(GUILD).empty_channel_grace) == ("own", 5)
    assert config.plugin(GUILD, "loud", Loud) == Loud(enabled=False, volume=2)
    _own(tmp_path, f"{GUILD}.yaml", "voicbot: own\n")
    (problem,) = _problems(tmp_path, block)
    assert problem.startswith(f"servers/{GUILD}.yaml:1:1: servers.{GUILD}.voicbot")
    (tmp_path / "servers" / f"{GUILD}.yaml").write_text("")
    (problem,) = _problems(tmp_path, f"servers:\n  {GUILD}: {{voicbot: x}}\n")
    assert problem.startswith("config.yaml:2:")
    assert f"servers.{GUILD}.voicbot" in problem


def test_a_file_that_is_named_after_no_server(tmp_path: Path) -> None:
    _own(tmp_path, "museum.yaml", "voicebot: own\n")
    (problem,) = _problems(tmp_path, "")
    assert problem == "servers/museum.yaml:1:1: must be named after a server's id, such as 123456789.yaml"


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]", "a: &a {b: *a}", "a: " + "[" * 5000, "a: " + "{a: " * 3000],
    ids=["list in itself", "block in itself", "lists", "blocks"],
)
def test_what_has_no_end_is_refused(tmp_path: Path, text: str) -> None:
    assert "nested too deeply" in _problems(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("locked", "told"),
    [
        ("[limit]", "config.yaml:1:10: locked.0: unknown key; did you mean `limits`?"),
        ("[limits, plugins.lowd]", "config.yaml:1:18: locked.1: unknown key; did you mean `plugins.loud`?"),
    ],
)
def test_a_lock_on_nothing_is_refused(tmp_path: Path, locked: str, told: str) -> None:
    assert _problems(tmp_path, f"locked: {locked}\n") == [told]


@pytest.mark.parametrize("locked", ["limits", "limits.server", "plugins", "plugins.loud.volume", "voicebot"])
def test_whole_blocks_and_single_keys_can_be_locked(tmp_path: Path, locked: str) -> None:
    assert _load(tmp_path, f"locked: [{locked}]\n").host.locked == (locked,)


def test_one_server_is_not_named_in_two_ways(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "servers:\n  1: {}\n  '01': {}\n")
    assert problem == "config.yaml:3:3: servers.01: must be a server's id, such as 123456789"


def test_a_wrong_item_of_a_list_has_its_own_line(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, "defaults:\n  access:\n    start:\n      - 1\n      - two\n")
    assert problem.startswith("config.yaml:5:9: defaults.access.start.1: expected an id")


TOKEN = "MTA5ODc2NTQzMjEwOTg3NjU0Mw.GabcDE.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.mark.parametrize("secret", [TOKEN, "vl_live_0123456789abcdef"])
@pytest.mark.parametrize("where", ["discord: {token_env: %s}", "max_calls: %s", "discord: %s", "log: {level: %s}"])
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, where: str, secret: str) -> None:
    (problem,) = _problems(tmp_path, where % secret)
    assert secret not in problem
    assert secret[-20:] not in problem


def test_a_token_in_place_of_its_variable_is_explained(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, f"discord: {{token_env: {TOKEN}}}")
    assert problem.endswith("expected the NAME of an environment variable, never the secret itself")


IDS = {
    "0": "expected an id",
    "-5": "expected an id",
    "true": "expected a",
    "1.2e+18": "put it into quotes",
    "18446744073709551616": "expected an id",
    "'18446744073709551616'": "expected an id",
    "'12 34'": "expected an id",
    "'١٢'": "expected an id",
    "0x" + "f" * 5000: "got a number of thousands of digits",
}


@pytest.mark.parametrize("value", IDS)
@pytest.mark.parametrize("key", ["text_channel: {}", "access: {{start: [{}]}}", "limits: {{users: {{{}: {{}}}}}}"])
def test_what_is_no_id_is_told_and_breaks_nothing(tmp_path: Path, key: str, value: str) -> None:
    if "users" in key and len(value) > 1000:  # YAML keeps such a key as text
        return
    (problem, *_) = _problems(tmp_path, "defaults:\n  " + key.format(value) + "\n")
    if "users" not in key:
        assert IDS[value] in problem
    assert len(problem) < 400


@pytest.mark.parametrize("value", ["123456789012345678", "'123456789012345678'", "18446744073709551615"])
def test_an_id_is_a_number_or_its_digits(tmp_path: Path, value: str) -> None:
    (tmp_path / "config.yaml").write_text(f"defaults:\n  text_channel: {value}\n")
    assert load(tmp_path / "config.yaml", {}).host.defaults.text_channel == int(value.strip("'"))


def test_what_is_billed_is_the_operators_to_say_unless_they_say_otherwise(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    locked = load(tmp_path / "config.yaml", {}).host.locked
    assert "limits" in locked
    assert "silence_limit" in locked
    (tmp_path / "config.yaml").write_text("locked: []\n")
    assert load(tmp_path / "config.yaml", {}).host.locked == ()
