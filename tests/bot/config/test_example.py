"""The example and the schema say what the models say: every key, its default, what it means."""

import itertools
import json
from pathlib import Path

import pytest

from bot.config.example import WIDTH, example, schema, server_schema
from bot.config.load import load
from bot.config.model import PluginSettings
from bot.plugin_host.catalog import Catalog

MODELS = Catalog.load().models


def test_the_files_are_what_the_models_make() -> None:
    """Their descriptions and the docstrings of `Settings` classes stand in them, too."""
    stale = "it is not what the settings' models say now; run `make example`"
    assert Path("config.example.yaml").read_text() == example(MODELS, "docs/config.schema.json"), stale
    assert Path("docs/config.schema.json").read_text() == schema(MODELS), stale
    assert Path("docs/server.schema.json").read_text() == server_schema(MODELS), stale


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "example.yaml").write_text(example(MODELS))
    empty, shown = (load(tmp_path / name, MODELS) for name in ("empty.yaml", "example.yaml"))
    assert shown.host.model_copy(update={"defaults": empty.host.defaults}) == empty.host
    assert shown.host.defaults.model_copy(update={"plugins": {}}) == empty.host.defaults
    assert {name: shown.plugin(1, name, model) for name, model in MODELS.items()} == {
        name: empty.plugin(1, name, model) for name, model in MODELS.items()
    }


def test_a_plugin_may_be_called_like_a_part_of_pydantics_models(recwarn: pytest.WarningsRecorder) -> None:
    found = json.loads(schema({"json": PluginSettings}))
    assert found["$defs"]["Plugins"]["properties"].keys() == {"json"}
    assert list(recwarn) == []


def test_it_can_be_read_by_people() -> None:
    lines = example(MODELS).splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    settings = [line for line in lines if ": " in line and not line.lstrip().startswith("#")]
    above = {after for before, after in itertools.pairwise(lines) if before.lstrip().startswith("# ")}
    unexplained = [line.strip() for line in settings if " # " not in line and line not in above]
    assert set(unexplained) <= {
        "minutes_per_call: 120",
        "minutes_per_call: null",
        "minutes_per_day: null",
        "minutes_per_month: null",
    }


def test_the_schema_knows_every_plugin_and_refuses_strangers() -> None:
    found = json.loads(schema(MODELS))
    assert found["additionalProperties"] is False
    plugins = found["$defs"]["Plugins"]
    assert set(plugins["properties"]) == set(MODELS)
    assert plugins["additionalProperties"] is False
    assert "Server" in json.dumps(found["properties"]["servers"])
