"""Imports a plugin's newest code in place of the running code, which stays when the new code cannot be used."""

import asyncio
import logging
import sys
import threading
from concurrent.futures import Future
from types import ModuleType
from typing import TYPE_CHECKING

from bot import language
from bot.errors import ConfigError, PluginError

from .discovery import Found
from .importing import PluginClass, forget_bytecode, import_plugin
from .manifest import read_manifest

if TYPE_CHECKING:
    from .catalog import Catalog

log = logging.getLogger(__name__)

#: Seconds for a plugin's code to be imported while the bot runs.
IMPORT_TIMEOUT = 60.0


class Reimport:
    """New code of one plugin: `run` imports it, `take` puts it in place of the old, `undo` puts the old back."""

    def __init__(self, catalog: "Catalog", found: Found) -> None:
        self._catalog = catalog
        self._old = found
        self._is_new = found.manifest.name not in catalog.found
        self._old_class = catalog.classes.get(found.manifest.name)
        self._old_model = catalog.models.get(found.manifest.name)  # there is one of a plugin that was broken, too
        self._modules: dict[str, ModuleType] = {}
        self._new: Found
        self.plugin: PluginClass

    async def run(self) -> None:
        """Import the new code; PluginError when it cannot be used, or is not imported in time."""
        done: Future[tuple[Found, PluginClass]] = Future()
        # A thread of its own: one that never comes back must not keep the process from ending.
        threading.Thread(target=self._import, args=(done,), daemon=True).start()
        try:
            self._new, self.plugin = await asyncio.wait_for(asyncio.wrap_future(done), IMPORT_TIMEOUT)
        except BaseException as error:
            self.undo()
            if isinstance(error, TimeoutError):
                raise PluginError(f"{self._old.folder}: its import takes longer than {IMPORT_TIMEOUT:.0f} s") from error
            raise

    def take(self) -> None:
        """Make the new code the plugin from now on."""
        self._catalog.found[self._new.manifest.name] = self._new
        self._catalog.put(self._new.manifest.name, self.plugin)

    def undo(self) -> None:
        """Put back the code that was there before."""
        name, module = self._old.manifest.name, self._old.module
        for imported in [imported for imported in list(sys.modules) if _belongs(imported, module)]:
            del sys.modules[imported]
        sys.modules.update(self._modules)
        parent, _, child = module.rpartition(".")
        if parent in sys.modules and module in self._modules:
            setattr(sys.modules[parent], child, self._modules[module])
        self._catalog.put(name, self._old_class)
        if self._is_new:
            self._catalog.found.pop(name, None)
        else:
            self._catalog.found[name] = self._old
        if self._old_model is not None:
            self._catalog.models[name] = self._old_model

    def _import(self, done: "Future[tuple[Found, PluginClass]]") -> None:
        if not done.set_running_or_notify_cancel():  # given up before it has begun
            return
        try:
            result = self._imported()
        except BaseException as error:
            done.set_exception(PluginError(str(error)) if isinstance(error, ConfigError | PluginError) else error)
        else:
            done.set_result(result)

    def _imported(self) -> tuple[Found, PluginClass]:
        old = self._old
        self._modules = {
            name: module
            for name, module in list(sys.modules.items())  # others import meanwhile
            if _belongs(name, old.module) and module is not None
        }
        for name in self._modules:
            del sys.modules[name]
        manifest = read_manifest(old.folder)
        if manifest.name != old.manifest.name:
            raise PluginError(f"its name is {manifest.name} now; restart the bot to load it under that name")
        forget_bytecode(old.folder)
        new = Found(manifest, old.module, old.folder, old.origin)
        plugin = import_plugin(new)
        for fault in language.faults(old.folder):
            log.error("plugin %s: %s", manifest.name, fault)
        language.read_all()
        return new, plugin


def _belongs(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")
