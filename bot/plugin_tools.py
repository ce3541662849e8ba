"""`parley plugins`: which there are, a new one to begin with, and whether one in a folder can be used."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from bot import language
from bot.config.source import DEFAULT_CONFIG
from bot.errors import PluginError
from bot.plugin_host import template
from bot.plugin_host.catalog import Catalog
from bot.testing import conformance


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command's own words and options."""
    group = commands.add_parser("plugins", help="list and check plugins")
    actions = group.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every plugin there is, and what is wrong with it, if anything")
    listing.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: config.yaml")
    checking = actions.add_parser("check", help="whether the plugin in a folder can be used; needs no config")
    checking.add_argument("path", type=Path, help="the plugin's folder")
    checking.add_argument(
        "--thorough", action="store_true", help="play calls with it, too: what every plugin must stand"
    )
    making = actions.add_parser("new", help="write a plugin to begin with, and a test that passes")
    making.add_argument("name", help="lower case letters, digits and _")
    making.add_argument("--in", dest="parent", type=Path, default=Path("my-plugins"), help="default: my-plugins")


def show(catalog: Catalog) -> int:
    """Print all; exit code 1 when one of them cannot be used."""
    rows = [("PLUGIN", "VERSION", "FROM", "WHAT IT DOES")]
    for name in catalog.classes:
        found = catalog.found[name]
        rows.append((name, found.manifest.version, found.origin, found.manifest.description))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3], sep="  ")
    return int(tell_broken(catalog))


def tell_broken(catalog: Catalog) -> bool:
    """Print why plugins cannot be used; whether there are such."""
    for broken in catalog.broken:
        print(broken, file=sys.stderr)
    return bool(catalog.broken)


def new(name: str, parent: Path) -> int:
    """Write a plugin and say how to go on; exit code 1 when that is not possible."""
    try:
        files = template.write(name, parent)
    except PluginError as error:
        print(error, file=sys.stderr)
        return 1
    for file in files:
        print(file)
    print(f"\nTest it:    pytest {parent / name}\nUse it:     plugin_folders: [{parent}] in config.yaml")
    return 0


def check(path: Path, *, thorough: bool = False) -> int:
    """Print what is wrong with the plugin in a folder; exit code 1 when something is."""
    path = path.resolve()
    if not path.is_dir():
        print(f"{path}: there is no such folder", file=sys.stderr)
        return 1
    catalog = Catalog.of(path)
    problems = [*(broken.reason for broken in catalog.broken), *language.faults(path)]
    if not catalog.classes and not problems:
        problems = [f"{path}: it has no plugin.yaml"]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    if thorough and not _stands(path):
        return 1
    (found,) = catalog.found.values()
    print(f"{found.manifest.name} {found.manifest.version}: good")
    return 0


def _stands(folder: Path) -> bool:
    """Put a plugin through what every plugin must stand."""
    logging.getLogger("bot").addHandler(logging.NullHandler())  # what fails is printed below
    wrong = False
    for name, played in conformance.CHECKS.items():
        problems = asyncio.run(conformance.run(folder, played))
        wrong = wrong or bool(problems)
        print(f"{name.replace('_', ' ')}: {'good' if not problems else ''}")
        for problem in problems:
            print(f"  {problem}")
    return not wrong
