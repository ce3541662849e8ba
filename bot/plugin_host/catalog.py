"""Every plugin there is: those whose code could be imported, and what is wrong with the others."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.config.model import PluginSettings, UncheckedSettings
from bot.errors import PluginError

from .discovery import Broken, Discovery, discover
from .importing import PluginClass, import_plugin
from .reimport import Reimport


class Catalog:
    """What the bot, the watchdog and `parley` know of plugins. Needs no Discord."""

    def __init__(self, discovery: Discovery, folders: Sequence[Path] = (), *, providers_only: bool = False) -> None:
        """`folders` are looked through again for a plugin that nobody knows yet. With `providers_only`,
        plugins whose plugin.yaml says `provider: false` are not imported, and their settings are not checked."""
        self._folders = folders
        self.found = discovery.found
        self.broken = discovery.broken
        self.classes: dict[str, PluginClass] = {}
        #: The settings model of every plugin, by name; always the same mapping, whatever is reloaded.
        self.models: dict[str, type[PluginSettings]] = {}
        for name, found in self.found.items():
            if providers_only and found.manifest.provider is False:
                self.models[name] = UncheckedSettings
                continue
            try:
                self.put(name, import_plugin(found))
            except PluginError as error:
                self.broken.append(Broken(name, str(error), found.folder))
        for broken in self.broken:
            self.models.setdefault(broken.name, UncheckedSettings)

    @classmethod
    def load(cls, folders: Sequence[Path] = (), *, providers_only: bool = False) -> "Catalog":
        """Load every plugin that is built in, in these folders, or installed."""
        return cls(discover(folders), folders, providers_only=providers_only)

    @classmethod
    def of(cls, folder: Path) -> "Catalog":
        """Load the plugin in a folder, and none beside it: no other's code is run."""
        there, folder = discover([folder.parent]), folder.resolve()
        found = {name: found for name, found in there.found.items() if found.folder.resolve() == folder}
        broken = [broken for broken in there.broken if broken.folder and broken.folder.resolve() == folder]
        return cls(Discovery(found, broken))

    def put(self, name: str, plugin: PluginClass | None) -> None:
        """Use this class for a plugin from now on; None for none."""
        if plugin is None:
            self.classes.pop(name, None)
            self.models.pop(name, None)
        else:
            self.classes[name], self.models[name] = plugin, plugin.Settings

    async def reimport(self, name: str) -> Reimport:
        """Import a plugin's code as it is on disk now, to be taken with `take`; PluginError leaves everything as it
        was.

        It is imported in a thread, since that may take long and calls go on meanwhile.
        """
        found = self.found.get(name)
        if found is None:
            found = (await asyncio.to_thread(discover, self._folders)).found.get(name)
        if found is None:
            known = ", ".join(sorted(self.found))
            raise PluginError(f"there is no plugin {name}; there are: {known}")
        reimport = Reimport(self, found)
        await reimport.run()
        return reimport
