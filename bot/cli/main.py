"""The `parley` command: `run` the bot, `check` a config, `doctor`, `sessions`, `plugins`, `record`,
the `live` check, the `watchdog`.

What a command needs is imported when it is asked for: the watchdog lives as long as the bot does, and must not hold
what it never uses.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config.load import build, load, plugin_folders
from bot.config.source import DEFAULT_CONFIG, read_all
from bot.errors import ConfigError, ParleyError
from bot.plugin_host.catalog import Catalog

from . import plugin_list
from .exit_codes import EXIT_CONFIG, EXIT_FAILED
from .parser import make_parser

if TYPE_CHECKING:
    from bot.config.load import Config

#: The folder of `parley run --record` and of `parley live`, beside the config file.
RECORDS = "records"
#: Commands that need the providers, and no other plugin.
BILLING_COMMANDS = ("watchdog", "sessions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0, 1 when something needed cannot be used, 2 for a wrong config, 3 for a refused
    login, 4 when a live check or a replay found differences, 5 when a live check has not seen everything."""
    options = make_parser().parse_args(arguments)
    if options.command in ("example", "schema"):
        return _print_made(options)
    if options.command == "plugins" and options.action != "list":
        return _plugins(options)
    if options.command == "record":
        from . import record

        if options.action == "replay":
            return record.replay(options.file, options.into)
        return record.show(options.file, options.config, everything=options.all)
    if options.command == "plugins" and options.config == DEFAULT_CONFIG and not DEFAULT_CONFIG.exists():
        return plugin_list.show(Catalog.load())  # what there is to configure can be asked before anything is
    try:
        folders = plugin_folders(options.config)
        catalog = Catalog.load(folders, providers_only=options.command in BILLING_COMMANDS)
        if options.command == "check":
            return _check(options.config, catalog)
        config = build(read_all(options.config), catalog.models)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    return _carry_out(options, config, catalog)


def _carry_out(options: argparse.Namespace, config: "Config", catalog: Catalog) -> int:
    """Run one of the commands that need a config."""
    if options.command == "plugins":
        return plugin_list.show(catalog)
    if options.command == "doctor":
        from . import doctor

        return doctor.main(config, catalog)
    if options.command == "sessions":
        from . import sessions

        plugin_list.tell_broken(catalog)
        return sessions.main(config, catalog.classes, options)
    from .logs import set_up_logging

    level = config.host.log.level
    set_up_logging("WARNING" if options.command == "live" and level == "INFO" else level)  # it prints what it does
    if options.command == "watchdog":
        return _watch(options, catalog)
    usual = config.file.parent / RECORDS
    if options.command == "live":
        from . import live

        return live.main(config, catalog, options, config.record_folder or usual)
    from .run import run

    return run(config, catalog, config.record_folder or (usual if options.record else None))


def _plugins(options: argparse.Namespace) -> int:
    from . import plugins

    if options.action == "check":
        return plugins.check(options.path, thorough=options.thorough)
    return plugins.new(options.name, options.parent)


def _print_made(options: argparse.Namespace) -> int:
    """Print what the settings' models say, for people and for editors."""
    from bot.config.example import example, schema, server_schema

    try:
        catalog = Catalog.load([] if options.config is None else plugin_folders(options.config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    plugin_list.tell_broken(catalog)
    models = catalog.models
    if options.command == "example":
        made = example(models, options.schema)
    else:
        made = server_schema(models) if options.server else schema(models)
    print(made, end="")
    return 0


def _check(file: Path, catalog: Catalog) -> int:
    """Print what is wrong with a config, and with the plugins it brings: it would run without them."""
    try:
        config = load(file, catalog.models)
    except ConfigError as error:
        print(error, file=sys.stderr)
        plugin_list.tell_broken(catalog)
        return EXIT_CONFIG
    if plugin_list.tell_broken(catalog):
        return EXIT_CONFIG
    servers = len(config.host.servers)
    print(f"{config.file}: good ({servers} server{'s' * (servers != 1)} configured)")
    return 0


def _watch(options: argparse.Namespace, catalog: Catalog) -> int:
    from bot.watchdog.main import watch

    try:
        asyncio.run(watch(options.config, catalog, options.instance, options.socket))
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return 0
