"""The `parley` command: `run` the bot, `check` a config, `doctor` a machine, `sessions`, `plugins`, the `watchdog`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import discord

from bot import __version__, host_doctor, plugin_tools, sessions
from bot.app import Parley
from bot.books import Books, rescue
from bot.config.example import example, schema, server_schema
from bot.config.load import Config, load, plugin_folders, settle
from bot.config.source import DEFAULT_CONFIG, read_all
from bot.config.watch import ConfigFile
from bot.config.watch import watch as watch_config
from bot.errors import ConfigError, LedgerError, ParleyError
from bot.plugin_host.catalog import Catalog
from bot.watchdog.main import watch

log = logging.getLogger(__name__)

EXIT_FAILED, EXIT_CONFIG, EXIT_LOGIN = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code: 0, 1 when something needed cannot be used, 2 for a wrong config, 3 for a refused
    login."""
    options = _parser().parse_args(arguments)
    if options.command in ("example", "schema"):
        return _print_made(options)
    if options.command == "plugins" and options.action == "check":
        return plugin_tools.check(options.path, thorough=options.thorough)
    if options.command == "plugins" and options.action == "new":
        return plugin_tools.new(options.name, options.parent)
    if options.command == "plugins" and options.config == DEFAULT_CONFIG and not DEFAULT_CONFIG.exists():
        return plugin_tools.show(Catalog.load())  # what there is to configure can be asked before anything is
    try:
        catalog = Catalog.load(plugin_folders(options.config))
        if options.command == "check":
            return _check(options.config, catalog)
        config = settle(read_all(options.config), catalog.models)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    if options.command == "plugins":
        return plugin_tools.show(catalog)
    if options.command == "doctor":
        return host_doctor.main(config, catalog)
    if options.command == "sessions":
        plugin_tools.tell_broken(catalog)
        return sessions.main(config, catalog.classes, options)
    _set_up_logging(config.host.log.level)
    if options.command == "watchdog":
        return _watch(options, catalog)
    return _run(config, catalog)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parley", description="A voicebot in your Discord voice channel.")
    parser.add_argument("--version", action="version", version=f"parley {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    texts = {
        "run": "run the bot",
        "check": "check a config file and say what is wrong",
        "watchdog": "end sessions when the bot dies; `run` starts one by itself",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, nargs="?", default=DEFAULT_CONFIG, help="default: config.yaml")
        if name == "watchdog":  # the bot says so to the one it starts
            command.add_argument("--instance", type=lambda text: int(text, 16), help=argparse.SUPPRESS)
            command.add_argument("--line", type=int, help=argparse.SUPPRESS)
    for name, text in (
        ("example", "print a config file with every setting and its default"),
        ("schema", "print the JSON Schema of the config file, for editors"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, nargs="?", help="one whose `plugin_folders:` are to be in it")
        if name == "example":
            command.add_argument("--schema", help="a file that `parley schema` has written: editors complete by it")
        else:
            command.add_argument("--server", action="store_true", help="of a file in servers/, which holds one server")
    host_doctor.add_parser(commands)
    plugin_tools.add_parser(commands)
    sessions.add_parser(commands)
    return parser


def _print_made(options: argparse.Namespace) -> int:
    """What the settings' models say, for people and for editors."""
    try:
        catalog = Catalog.load([] if options.config is None else plugin_folders(options.config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    plugin_tools.tell_broken(catalog)
    models = catalog.models
    if options.command == "example":
        made = example(models, options.schema)
    else:
        made = server_schema(models) if options.server else schema(models)
    print(made, end="")
    return 0


def _check(file: Path, catalog: Catalog) -> int:
    """What is wrong with a config, and with the plugins it brings: it would run without them."""
    try:
        config = load(file, catalog.models)
    except ConfigError as error:
        print(error, file=sys.stderr)
        plugin_tools.tell_broken(catalog)
        return EXIT_CONFIG
    if plugin_tools.tell_broken(catalog):
        return EXIT_CONFIG
    servers = len(config.host.servers)
    print(f"{config.file}: good ({servers} server{'s' * (servers != 1)} configured)")
    return 0


def _watch(options: argparse.Namespace, catalog: Catalog) -> int:
    try:
        asyncio.run(watch(options.config, catalog.classes, options.instance, options.line))
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return 0


def _run(config: Config, catalog: Catalog) -> int:
    for broken in catalog.broken:
        log.error("%s", broken)
    variable = config.host.discord.token_env
    token = os.environ.get(variable)
    if not token:
        print(
            f"The environment variable {variable} with the bot's token is not set. "
            "Get one at https://discord.com/developers/applications, Bot, Reset Token.",
            file=sys.stderr,
        )
        return EXIT_LOGIN
    try:
        asyncio.run(_serve(config, catalog, token))
    except discord.LoginFailure:
        print(f"Discord refused the token in {variable}. Reset it in the developer portal.", file=sys.stderr)
        return EXIT_LOGIN
    except discord.PrivilegedIntentsRequired:
        print("Discord refused the bot's intents; Parley needs no privileged ones.", file=sys.stderr)
        return EXIT_LOGIN
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except discord.HTTPException as error:
        print(f"Discord refused what the bot asked for at its start: {error}. Try again later.", file=sys.stderr)
        return EXIT_FAILED
    except (aiohttp.ClientError, OSError) as error:
        print(f"Discord cannot be reached: {error}. Check the network, and `network:` in the config.", file=sys.stderr)
        return EXIT_FAILED
    return 0


async def _serve(config: Config, catalog: Catalog, token: str) -> None:
    """Run until SIGINT or SIGTERM; both end every call before the process goes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        books = await Books.open(config, catalog.classes)
    except LedgerError:
        await rescue(config, catalog.classes, stop)
        raise
    try:
        source = ConfigFile(config.file, catalog.models)
        bot = Parley(source, books, catalog)
        source.apply = lambda changed: _apply(bot, changed)
        await bot.calls.recover()  # before Discord, which may be out of reach while the meter runs
    except BaseException:
        await books.close()
        raise
    running = asyncio.create_task(bot.start(token), name="discord")
    watching = asyncio.create_task(watch_config(source), name="config")
    stopping = asyncio.create_task(stop.wait(), name="signal")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = running.done()  # by itself, before anything is closed under it
        stopping.cancel()
        watching.cancel()
        await bot.close()
        running.cancel()  # discord.py tries to connect for ever when the gateway is out of reach
        await asyncio.gather(stopping, watching, running, return_exceptions=True)
    if ended:
        running.result()


def _apply(bot: Parley, config: Config) -> None:
    _set_log_level(config.host.log.level)
    bot.apply(config)


def _set_up_logging(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr)
    _set_log_level(level)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_shorten_outages)


def _set_log_level(level: str) -> None:
    logging.getLogger().setLevel(level)
    # At DEBUG these print whole requests: tokens, keys and what people said.
    for name in ("httpx", "httpcore", "discord"):
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLevelName(level)))
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it reports every file that is touched


def _shorten_outages(record: logging.LogRecord) -> bool:
    """A network that is away is no bug: discord.py's stack trace for each attempt to connect becomes one line."""
    error = record.exc_info[1] if record.exc_info else None
    if record.name.startswith("discord.") and isinstance(error, OSError | aiohttp.ClientError):
        record.msg, record.args = f"{record.getMessage()} ({type(error).__name__}: {error})", ()
        record.exc_info = record.exc_text = None
    return True
