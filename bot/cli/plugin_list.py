"""`parley plugins list`: every plugin there is, and what is wrong with those that cannot be used."""

import sys

from bot.plugin_host.catalog import Catalog


def show(catalog: Catalog) -> int:
    """Print all plugins; exit code 1 when one of them cannot be used."""
    rows = [("PLUGIN", "VERSION", "FROM", "WHAT IT DOES")]
    for name in catalog.classes:
        found = catalog.found[name]
        rows.append((name, found.manifest.version, found.origin, found.manifest.description))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3], sep="  ")
    return int(tell_broken(catalog))


def tell_broken(catalog: Catalog) -> bool:
    """Print why plugins cannot be used; whether there are any."""
    for broken in catalog.broken:
        print(broken, file=sys.stderr)
    return bool(catalog.broken)
