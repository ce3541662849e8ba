"""`parley plugins`: which there are, a new one to begin with, and whether one in a folder can be used."""

import asyncio
import logging
import sys
from pathlib import Path

from bot import language
from bot.errors import PluginError
from bot.plugin_host import template
from bot.plugin_host.catalog import Catalog
from bot.testing import conformance


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
    if thorough and not _passes_conformance(path):
        return 1
    (found,) = catalog.found.values()
    print(f"{found.manifest.name} {found.manifest.version}: good")
    return 0


def _passes_conformance(folder: Path) -> bool:
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
