"""The README lists every command, in the words that Discord shows."""

from pathlib import Path
from typing import Any, cast

from discord import app_commands

from plugins.voicebot.plugin import VoicebotPlugin

README = Path(__file__).parents[3] / "README.md"


def test_every_command_is_in_the_readme_and_no_other() -> None:
    plugin = VoicebotPlugin(cast(Any, None))
    commands = [command for command in plugin.voicebot.walk_commands() if isinstance(command, app_commands.Command)]
    rows = [f"| `/{command.qualified_name}` | {command.description} |" for command in commands]
    listed = [line for line in README.read_text().splitlines() if line.startswith("| `/voicebot ")]
    assert listed == rows
    assert len(rows) > 15
