"""What a plugin can reach of the host: what `Host`, `Calls` and `Plugins` name, and calls only where the plugin is on.

It guards against mistakes, not against malice: a plugin runs in the bot's process.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from bot.config.model import PluginSettings
from bot.errors import PluginError

from .plugin import Host, Plugin, settings_of
from .protocols import InstalledPlugin

if TYPE_CHECKING:
    from bot.access.voice_channel import VoiceChannel
    from bot.billing.ledger import SessionRecord
    from bot.billing.limits import Budget, Starter
    from bot.call.connection.echo import EchoTest
    from bot.call.request import CallRequest
    from bot.config.load import Config
    from bot.config.model import LimitSettings

    from .host import Mount, PluginHost
    from .protocols import Call, Calls, ProviderInfo

_OFFERED = frozenset(name for name in vars(Host) if not name.startswith("_"))


def scoped(host: "Mount", plugins: "PluginHost", plugin: type[Plugin[Any]]) -> Host:
    """Return the host as one plugin is to see it."""
    return cast("Host", _ScopedHost(host, plugins, plugin))


class _ScopedHost:
    """Passes on what `Host` names, so that a new method there needs no second place."""

    def __init__(self, host: "Mount", plugins: "PluginHost", plugin: type[Plugin[Any]]) -> None:
        self._host = host
        self.calls = ScopedCalls(
            host.calls, lambda guild_id: settings_of(plugin, host.config, host.calls, guild_id).enabled
        )
        self.plugins = ScopedPlugins(plugins, plugin.name)

    def __getattr__(self, name: str) -> Any:
        if name not in _OFFERED:
            raise AttributeError(f"bot.api.Host has no {name!r}; plugins can rely on nothing else of the bot")
        return getattr(self._host, name)


class ScopedPlugins:
    """All plugins as one of them may see them; see `Plugins`."""

    def __init__(self, plugins: "PluginHost", name: str) -> None:
        self._plugins = plugins
        self._name = name

    @property
    def installed(self) -> Mapping[str, InstalledPlugin]:
        """Those in place, by name."""
        found = self._plugins.catalog.found
        return {
            name: InstalledPlugin(found[name].manifest, plugin.Settings.operator_only)
            for name, plugin in self._plugins.instances.items()
        }

    @property
    def broken(self) -> Sequence[str]:
        """Names of those that cannot be used, or not as they are on disk now."""
        return sorted({broken.name for broken in self._plugins.catalog.broken})

    @property
    def models(self) -> Mapping[str, type[PluginSettings]]:
        """The settings model of every plugin, by name."""
        return self._plugins.catalog.models

    @property
    def newest(self) -> Plugin[Any] | None:
        """The instance of this plugin that is in place now."""
        return self._plugins.instances.get(self._name)

    @property
    def memory(self) -> dict[str, Any]:
        """What all instances of this plugin have in common."""
        return self._plugins.memory(self._name)

    def enabled(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin that is in place is on for a server."""
        return self._plugins.instances[name].enabled(guild_id)

    def paused(self, guild_id: int, name: str) -> bool:
        """Return whether a plugin is left alone on a server because it failed too often."""
        return self._plugins.paused(guild_id, name)


class ScopedCalls:
    """The bot's calls on the servers where one plugin is on; see `Calls` for what each method does.

    On other servers there is no call to be seen, and none can be started (PluginError).
    """

    def __init__(self, calls: "Calls", enabled: Callable[[int], bool]) -> None:
        self._calls = calls
        self._enabled = enabled

    def of_guild(self, guild_id: int) -> "Call | None":
        """Return the server's call that has not ended."""
        return self._calls.of_guild(guild_id) if self._enabled(guild_id) else None

    def still_billed(self, guild_id: int) -> "Call | None":
        """Return the server's call whose session the provider has not ended yet."""
        return self._calls.still_billed(guild_id) if self._enabled(guild_id) else None

    def config_of(self, guild_id: int) -> "Config | None":
        """Return what the server's call began with. Whether a plugin is on is read from it, so it is never refused."""
        return self._calls.config_of(guild_id)

    def provider_of(self, guild_id: int, config: "Config") -> "ProviderInfo":
        """Return the provider that the server's calls would be opened at."""
        self._check(guild_id)
        return self._calls.provider_of(guild_id, config)

    async def start(self, request: "CallRequest", config: "Config") -> "Call":
        """Start a call and wait until it is live."""
        self._check(request.channel.guild.id)
        return await self._calls.start(request, config)

    def test_of(self, guild_id: int) -> "EchoTest | None":
        """Return the server's echo test that is going on."""
        return self._calls.test_of(guild_id) if self._enabled(guild_id) else None

    async def start_test(self, channel: "VoiceChannel", user_id: int, config: "Config") -> "EchoTest":
        """Try a channel out without a voicebot."""
        self._check(channel.guild.id)
        return await self._calls.start_test(channel, user_id, config)

    async def history(self, start: float, end: float, guild_id: int) -> "Sequence[SessionRecord]":
        """Return the server's sessions that were opened in a time."""
        self._check(guild_id)
        return await self._calls.history(start, end, guild_id)

    async def budgets(self, settings: "LimitSettings", starter: "Starter", now: datetime) -> "Sequence[Budget]":
        """Return what is left of the limits that hold for somebody."""
        self._check(starter.guild_id)
        return await self._calls.budgets(settings, starter, now)

    def _check(self, guild_id: int) -> None:
        if not self._enabled(guild_id):
            raise PluginError("a plugin cannot use the calls of a server on which it is switched off")
