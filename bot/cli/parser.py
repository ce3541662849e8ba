"""The words and options of every `parley` command. What carries them out is imported when it is asked for."""

import argparse
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot import __version__
from bot.config.model import Snowflake
from bot.config.source import DEFAULT_CONFIG


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command."""
    parser = argparse.ArgumentParser(prog="parley", description="A voicebot in your Discord voice channel.")
    parser.add_argument("--version", action="version", version=f"parley {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    texts = {
        "run": "run the bot",
        "check": "check a config file and say what is wrong",
        "doctor": "whether this machine can run the bot; costs nothing",
        "watchdog": "end sessions when the bot dies; `run` starts one by itself",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: config.yaml")
        if name == "run":
            command.add_argument(
                "--record",
                action="store_true",
                help="write a flight record of each call, without what was said, into the folder records/ beside the "
                "config file, or where its `record:` says",
            )
        if name == "watchdog":  # the bot says so to the one it starts
            command.add_argument("--instance", type=lambda text: int(text, 16), help=argparse.SUPPRESS)
            command.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    for name, text in (
        ("example", "print a config file with every setting and its default"),
        ("schema", "print the JSON Schema of the config file, for editors"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, nargs="?", help="a config file whose `plugin_folders:` are included")
        if name == "example":
            command.add_argument("--schema", help="a file that `parley schema` has written: editors complete by it")
        else:
            command.add_argument("--server", action="store_true", help="of a file in servers/, which holds one server")
    _add_live(commands)
    _add_plugins(commands)
    _add_sessions(commands)
    _add_record(commands)
    return parser


def _add_live(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    checking = commands.add_parser(
        "live",
        help="make one short call on the real Discord and the real provider, and say what is not as expected",
        description="Takes about half a minute and costs about one billed minute; it asks before. Exit code 0: every "
        "assumption held; 4: one did not; 5: one was not seen; 1: there was no call; 3: no token that Discord takes.",
    )
    checking.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: config.yaml")
    checking.add_argument("--server", type=_discord_id, required=True, metavar="ID", help="a server that the bot is on")
    checking.add_argument("--channel", type=_discord_id, required=True, metavar="ID", help="a voice channel there")
    checking.add_argument(
        "--second-token-env",
        metavar="NAME",
        help="environment variable with the token of a second bot on that server, which speaks and listens",
    )
    checking.add_argument("--yes", action="store_true", help="do not ask before a minute is billed")


def _discord_id(text: str) -> int:
    """Read an id; argparse prints the error."""
    try:
        return TypeAdapter(Snowflake).validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r} is no id: digits, such as 123456789") from None


def _add_plugins(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("plugins", help="list and check plugins")
    actions = group.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every plugin there is, and what is wrong with it, if anything")
    listing.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: config.yaml")
    checking = actions.add_parser("check", help="whether the plugin in a folder can be used; needs no config")
    checking.add_argument("path", type=Path, help="the plugin's folder")
    checking.add_argument(
        "--thorough", action="store_true", help="also run calls with it and check what every plugin must do"
    )
    making = actions.add_parser("new", help="write a plugin to begin with, and a test that passes")
    making.add_argument("name", help="lower case letters, digits and _")
    making.add_argument("--in", dest="parent", type=Path, default=Path("my-plugins"), help="default: my-plugins")


def _add_record(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("record", help="read flight records, which `parley run --record` writes")
    actions = group.add_subparsers(dest="action", required=True)
    showing = actions.add_parser("show", help="a call as a timeline, and where a service behaved unexpectedly")
    showing.add_argument("file", type=Path, help="a file that ends with .jsonl")
    showing.add_argument("--config", type=Path, help="a config file whose `plugin_folders:` have the call's provider")
    showing.add_argument("--all", action="store_true", help="every entry, heartbeats and sampled packets too")
    playing = actions.add_parser(
        "replay", help="play a recorded call again on this machine, and say whether it comes to the same end"
    )
    playing.add_argument("file", type=Path, help="a file that ends with .jsonl")
    playing.add_argument("--into", type=Path, help="folder for the record of the replay; default: that of the file")


def _add_sessions(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    group = commands.add_parser("sessions", help="list and end billed sessions")
    actions = group.add_subparsers(dest="action", required=True)
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: config.yaml")
    listing = actions.add_parser("list", parents=[config], help="sessions that are not over")
    listing.add_argument("--all", action="store_true", help="those that are over, too")
    ending = actions.add_parser("end", parents=[config], help="end a session at the provider")
    ending.add_argument("id", nargs="?", help="as `list` shows it")
    ending.add_argument("--all", action="store_true", help="every session that is not over")
    forgetting = actions.add_parser(
        "forget", parents=[config], help="stop trying to end a session that you have ended at the provider yourself"
    )
    forgetting.add_argument("id", help="as `list` shows it")
