"""The plugins' code: imported once, checked against the interface, and imported anew without risk to what works."""

import contextlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from bot import language
from bot.config.model import PluginSettings, ProviderSettings, UncheckedSettings
from bot.errors import ConfigError, PluginError

from . import contract
from .discovery import Broken, Discovery, Found, discover
from .manifest import read_manifest
from .plugin import Plugin

PluginClass = type[Plugin[Any]]


class Catalog:
    """Every plugin that could be imported, and what is wrong with the others. Needs no Discord."""

    def __init__(self, discovery: Discovery) -> None:
        self.found = discovery.found
        self.broken = discovery.broken
        self.classes: dict[str, PluginClass] = {}
        #: The settings model of every plugin, by name; always the same mapping, whatever is reloaded.
        self.models: dict[str, type[PluginSettings]] = {}
        for name, found in self.found.items():
            try:
                self.put(name, import_plugin(found))
            except PluginError as error:
                self.broken.append(Broken(name, str(error), found.folder))
        for broken in self.broken:
            self.models.setdefault(broken.name, UncheckedSettings)

    @classmethod
    def load(cls, folders: Sequence[Path] = ()) -> "Catalog":
        """What is built in, in these folders, and installed."""
        return cls(discover(folders))

    @classmethod
    def of(cls, folder: Path) -> "Catalog":
        """The plugin in a folder, and none beside it: no other's code is run."""
        there = discover([folder.parent])
        found = {name: found for name, found in there.found.items() if found.folder.resolve() == folder.resolve()}
        broken = [broken for broken in there.broken if broken.folder and broken.folder.resolve() == folder.resolve()]
        return cls(Discovery(found, broken))

    def put(self, name: str, plugin: PluginClass | None) -> None:
        """Use this class for a plugin from now on; None for none."""
        if plugin is None:
            self.classes.pop(name, None)
            self.models.pop(name, None)
        else:
            self.classes[name], self.models[name] = plugin, plugin.Settings

    def reimport(self, name: str) -> "Reimport":
        """A plugin's code as it is on disk now; PluginError leaves everything as it was."""
        found = self.found.get(name)
        if found is None:
            known = ", ".join(sorted(self.found))
            raise PluginError(f"there is no plugin {name}; there are: {known}")
        return Reimport(self, found)


class Reimport:
    """New code in place of the old; `undo` puts the old back."""

    def __init__(self, catalog: Catalog, found: Found) -> None:
        self._catalog = catalog
        self._old = found
        self._old_class = catalog.classes.get(found.manifest.name)
        self._old_model = catalog.models.get(found.manifest.name)  # there is one of a plugin that was broken, too
        self._modules = {
            name: module for name, module in sys.modules.items() if _belongs(name, found.module) and module is not None
        }
        for name in self._modules:
            del sys.modules[name]
        try:
            manifest = read_manifest(found.folder)
            if manifest.name != found.manifest.name:
                raise PluginError(f"it calls itself {manifest.name} now; start anew for that")
            _forget_bytecode(found.folder)
            new = Found(manifest, found.module, found.folder, found.origin)
            self.plugin = import_plugin(new)
        except Exception as error:
            self.undo()
            if not isinstance(error, ConfigError | PluginError):
                raise
            raise PluginError(str(error)) from error
        catalog.found[manifest.name] = new
        catalog.put(manifest.name, self.plugin)

    def undo(self) -> None:
        """As before the reimport."""
        name, module = self._old.manifest.name, self._old.module
        for imported in [imported for imported in sys.modules if _belongs(imported, module)]:
            del sys.modules[imported]
        sys.modules.update(self._modules)
        parent, _, child = module.rpartition(".")
        if parent in sys.modules and module in self._modules:
            setattr(sys.modules[parent], child, self._modules[module])
        self._catalog.found[name] = self._old
        self._catalog.put(name, self._old_class)
        if self._old_model is not None:
            self._catalog.models[name] = self._old_model


def import_plugin(found: Found) -> PluginClass:
    """Import a plugin's package and check its class; PluginError that names the place."""
    try:
        module = importlib.import_module(found.module)
        language.add(found.folder)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does when it is imported
        raise PluginError(f"{_where(error, found.folder)}: {_said(error)}") from error
    return check_class(module, found)


def check_class(module: ModuleType, found: Found) -> PluginClass:
    """The class that a module offers as `PLUGIN`; PluginError for each way in which it cannot be one."""
    where = found.folder / "__init__.py"
    plugin = getattr(module, "PLUGIN", None)
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginError(f"{where}: it needs `PLUGIN = YourPlugin`, derived from bot.plugin_host.plugin.Plugin")
    name = getattr(plugin, "name", None)
    if name != found.manifest.name:
        raise PluginError(f"{where}: {plugin.__name__}.name is {name!r}, plugin.yaml says {found.manifest.name!r}")
    settings: Any = plugin.Settings
    if not (isinstance(settings, type) and issubclass(settings, PluginSettings)):
        raise PluginError(f"{where}: {plugin.__name__}.Settings must be derived from PluginSettings")
    if plugin.connect is not None and not issubclass(settings, ProviderSettings):
        raise PluginError(
            f"{where}: {plugin.__name__} is a provider: its Settings must be derived from ProviderSettings"
        )
    try:
        settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise PluginError(
            f"{where}: {settings.__name__}.{key}: {first['msg']}; every setting needs a default that it would accept"
        ) from error
    except Exception as error:  # a validator of its own
        raise PluginError(f"{_where(error, found.folder)}: {settings.__name__}: {_said(error)}") from error
    for problem in contract.problems(plugin):
        raise PluginError(f"{where}: {plugin.__name__}.{problem}")
    return plugin


def _belongs(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _where(error: BaseException, folder: Path) -> str:
    """The deepest line of the plugin's own that an error came through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(folder):
            return f"{frame.filename}:{frame.lineno}"
    return str(folder)


def _forget_bytecode(folder: Path) -> None:
    """Python goes by a source file's second and size; an edit within a second would not be seen."""
    importlib.invalidate_caches()
    for source in folder.rglob("*.py"):
        with contextlib.suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(str(source))).unlink()
