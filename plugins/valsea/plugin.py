"""Makes Valsea available as a provider: one client per account and address, shared by the servers that use it."""

import os

from bot.config.model import ServerSettings
from bot.errors import KeyRejected
from bot.plugin_host.plugin import Host, Plugin

from .client import ValseaClient
from .settings import ValseaSettings


class ValseaPlugin(Plugin[ValseaSettings]):
    """Registers the provider `valsea`."""

    name = "valsea"
    Settings = ValseaSettings

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._clients: dict[ValseaSettings, ValseaClient] = {}

    @classmethod
    async def setup(cls, host: Host) -> None:
        """discord.py's extension entry point."""
        plugin = cls(host)
        host.providers[cls.name] = plugin.provider
        await host.add_cog(plugin)

    async def cog_unload(self) -> None:
        self.host.providers.pop(self.name, None)
        for client in self._clients.values():
            await client.close()

    def provider(self, guild_id: int, server: ServerSettings) -> ValseaClient:
        """The client for a server's account; KeyRejected when its key is not in the environment."""
        settings = self.settings(guild_id)
        client = self._clients.get(settings)
        if client is None:
            key = os.environ.get(settings.api_key_env)
            if not key:
                raise KeyRejected(
                    f"{settings.api_key_env} is not set",
                    for_user="This bot has no Valsea API key. Its operator must set the environment variable "
                    f"`{settings.api_key_env}` (valsea.ai, Settings, API Keys) and restart it.",
                )
            client = ValseaClient(settings, key, self.host.tls_context())
            self._clients[settings] = client
        return client
