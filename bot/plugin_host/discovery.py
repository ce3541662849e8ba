"""Finds plugins without running any code of theirs: built in, in folders, installed with pip."""

import importlib.util
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from bot.errors import ConfigError

from .manifest import FILE, Manifest, read_manifest

BUILT_IN = "plugins"
#: Where they come from, as people read it.
OURS = "built in"
ENTRY_POINTS = "parley.plugins"
#: Plugins in folders are imported as `parley_plugins.NAME`, so that none can hide a module of the same name.
NAMESPACE = "parley_plugins"


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that may be imported."""

    manifest: Manifest
    module: str
    folder: Path
    origin: str  # `OURS`, "installed", or the folder it was found in


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that is meant to be a plugin and cannot be used; `reason` names file and line where there is one."""

    name: str
    reason: str
    folder: Path | None = None  # it is in; None for an installed package without one

    def __str__(self) -> str:
        return f"plugin {self.name} cannot be used: {self.reason}"


@dataclass(slots=True)
class Discovery:
    """The plugins that were found. Of two with one name the first stays: built in, then folders, then installed."""

    found: dict[str, Found] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


def discover(folders: Sequence[Path] = ()) -> Discovery:
    """Find every plugin there is. `folders` hold one plugin per subfolder."""
    discovery = Discovery()
    for module, folder, origin in _candidates(folders, discovery.broken):
        try:
            manifest = read_manifest(folder)
        except ConfigError as error:
            discovery.broken += [Broken(folder.name, str(problem), folder) for problem in error.problems]
            continue
        known = discovery.found.get(manifest.name)
        if known is not None and known.folder.resolve() == folder.resolve():
            continue  # the same one, by another way
        if known is not None:
            reason = f"{folder}: there is a plugin `{manifest.name}` already, in {known.folder}; rename one"
            discovery.broken.append(Broken(manifest.name, reason, folder))
        elif module.rpartition(".")[2] not in (names := _folder_names(manifest)) and origin != "installed":
            reason = (
                f"{folder / FILE}: its name is `{manifest.name}`, so its folder must be called {' or '.join(names)}"
            )
            discovery.broken.append(Broken(manifest.name, reason, folder))
        else:
            discovery.found[manifest.name] = Found(manifest, module, folder, origin)
    return discovery


def _candidates(folders: Sequence[Path], broken: list[Broken]) -> Iterator[tuple[str, Path, str]]:
    """Import name, folder and origin of everything that has a manifest."""
    for parent in _package_folders(BUILT_IN):
        for folder in _with_manifest(parent):
            yield f"{BUILT_IN}.{folder.name}", folder, OURS
    _mount(folders)
    for parent in folders:
        try:
            if not parent.is_dir():
                reason = f"{parent}: there is no such folder; `plugin_folders:` names it"
                broken.append(Broken(parent.name, reason, parent))
                continue
            folders_there = _with_manifest(parent)
        except OSError as error:
            broken.append(Broken(parent.name, f"{parent}: cannot be read: {error.strerror}", parent))
            continue
        if _has_manifest(parent):
            reason = f"{parent}: this is a plugin; `plugin_folders:` names the folder around it, {parent.parent}"
            broken.append(Broken(parent.name, reason, parent))
        for folder in folders_there:
            yield f"{NAMESPACE}.{folder.name}", folder, str(parent)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        package = next(iter(_package_folders(point.module)), None)
        if package is None or not _has_manifest(package):
            broken.append(Broken(point.name, f"the installed package `{point.module}` has no {FILE}"))
        else:
            yield point.module, package, "installed"


def _folder_names(manifest: Manifest) -> tuple[str, str]:
    """Return the plugin's name, or that of a package to be published: those share one namespace with everybody's."""
    return manifest.name, f"parley_{manifest.name}"


def _with_manifest(parent: Path) -> list[Path]:
    return sorted(folder for folder in parent.iterdir() if _has_manifest(folder))


def _has_manifest(folder: Path) -> bool:
    try:
        return (folder / FILE).is_file()
    except OSError:  # not ours to look into
        return False


def _package_folders(package: str) -> list[Path]:
    """Where a package lies, without importing it (its parent packages are)."""
    try:
        spec = importlib.util.find_spec(package)
    except Exception:  # whatever a plugin's package does when it is imported
        return []
    return [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]


def _mount(folders: Sequence[Path]) -> None:
    namespace = sys.modules.setdefault(NAMESPACE, types.ModuleType(NAMESPACE))
    namespace.__path__ = [str(folder) for folder in folders]
