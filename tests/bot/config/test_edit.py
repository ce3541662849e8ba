"""A server's file is changed as a careful person would change it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bot.config.edit import ABSENT, changed, write
from bot.errors import ConfigError

FILE = Path("servers/1.yaml")
TEXT = """\
# The museum's own.
voicebot: guide   # the friendly one
limits:
  server:
    minutes_per_day: 60  # agreed with the board
plugins:
  transcript: {people: false}
"""


def test_comments_quotes_and_order_stay() -> None:
    new = changed(FILE, TEXT, {("limits", "server", "minutes_per_day"): 90})
    assert new == TEXT.replace("60", "90")


def test_a_new_key_and_the_blocks_above_it() -> None:
    new = changed(FILE, TEXT, {("plugins", "images", "enabled"): False, ("text_channel",): 5})
    assert yaml.safe_load(new) == {
        **yaml.safe_load(TEXT),
        "text_channel": 5,
        "plugins": {"transcript": {"people": False}, "images": {"enabled": False}},
    }
    assert "# agreed with the board" in new


def test_a_key_that_is_taken_out_takes_empty_blocks_along() -> None:
    new = changed(FILE, TEXT, {("limits", "server", "minutes_per_day"): ABSENT, ("nowhere", "at all"): ABSENT})
    assert yaml.safe_load(new) == {"voicebot": "guide", "plugins": {"transcript": {"people": False}}}


def test_what_is_left_of_a_file_that_says_nothing_are_its_comments() -> None:
    paths = [("voicebot",), ("limits", "server", "minutes_per_day"), ("plugins", "transcript", "people")]
    new = changed(FILE, TEXT, dict.fromkeys(paths, ABSENT))
    assert new == "# The museum's own.\n"
    assert changed(FILE, new, {("voicebot",): "poet"}).endswith("voicebot: poet\n")


def test_a_file_that_is_none_yet() -> None:
    assert changed(FILE, "", {("voicebot",): "poet"}) == "voicebot: poet\n"


def test_what_is_no_yaml_is_not_made_worse() -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        changed(FILE, "voicebot: [\n", {("voicebot",): "poet"})


@example({"a": "\x85", "b": ["x\u2028y", "\u2029"]})
@example({"a": "no", "b": ["off", "yes", "1:30", "0o17", "2026-11-25", "~", "=", "1_000"]})
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3),
        min_size=1,
    )
)
def test_what_is_set_is_what_is_read(values: dict[str, object]) -> None:
    new = changed(FILE, TEXT, {("x", key): value for key, value in values.items()})
    assert yaml.safe_load(new)["x"] == values


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "servers" / "1.yaml"
    write(file, "voicebot: a\n")
    file.chmod(0o640)
    write(file, "voicebot: b\n")
    assert file.read_text() == "voicebot: b\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in file.parent.iterdir()] == ["1.yaml"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "1.yaml"
    file.write_text("voicebot: a\n")

    def refuse(source: str, target: Path) -> None:
        raise OSError("full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="full"):
        write(file, "voicebot: b\n")
    assert file.read_text() == "voicebot: a\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["1.yaml"]


def test_an_edit_that_would_touch_more_than_it_was_asked_to_is_refused() -> None:
    """One block that stands in two places: a change of one would be a change of both."""
    text = "limits: &l {server: {minutes_per_day: 5}}\nplugins: {images: *l}\n"
    with pytest.raises(ConfigError, match="without changing something else"):
        changed(Path("s.yaml"), text, {("limits", "server", "minutes_per_day"): 9})
    with pytest.raises(ConfigError, match="without changing something else"):
        changed(Path("s.yaml"), text, {("plugins", "images", "server"): ABSENT})
