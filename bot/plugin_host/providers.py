"""The provider accounts: one client per account and settings, shared by the servers that use it.

Needs no Discord: the watchdog and `parley sessions` end sessions through the same clients.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from bot.billing.ledger import SessionRecord
from bot.config.load import Config
from bot.config.model import ServerSettings
from bot.errors import KeyRejected, ParleyError, Refused
from bot.language import say
from bot.network import Network
from bot.provider import Account, Provider

from .plugin import Connect, Plugin

log = logging.getLogger(__name__)


class _BeingChanged(Refused):
    """The config in force was checked against other code of the provider."""


class Providers:
    """The clients of the provider accounts. `config` is asked every time, so that changed settings take effect."""

    def __init__(
        self,
        config: Callable[[], Config],
        plugins: Mapping[str, type[Plugin[Any]]],
        network: Callable[[], Network],
    ) -> None:
        self._config = config
        self._network = network
        self._clients: dict[tuple[str, Any, Account | None], Provider] = {}
        self.use(plugins)

    def use(self, plugins: Mapping[str, type[Plugin[Any]]]) -> None:
        """Use these classes from now on: those that the config in force was checked against."""
        self._plugins = {name: plugin for name, plugin in plugins.items() if plugin.connect is not None}

    def of_server(self, guild_id: int, settings: ServerSettings) -> Provider:
        """Return a server's provider, by its settings now; Refused, or KeyRejected without its key in the
        environment."""
        return self._client(guild_id, settings.provider, None)

    def of_session(self, record: SessionRecord) -> Provider:
        """Return the account that pays for a session, whatever the server uses by now."""
        with contextlib.suppress(KeyRejected, _BeingChanged):
            usual = self._client(record.guild_id, record.provider, None)
            if usual.account == record.account:
                return usual  # its connection is open already, and ending a session is urgent
        return self._client(record.guild_id, record.provider, record.account)

    def enders(self, record: SessionRecord) -> list[Provider]:
        """Return the providers that may end a session: the account that pays for it, then the server's current one if
        it has the same address, since it may have replaced the key. Refused or KeyRejected when there is none."""
        found: list[Provider] = []
        refusal: ParleyError | None = None
        try:
            found.append(self.of_session(record))
        except KeyRejected as error:
            refusal = error
        with contextlib.suppress(KeyRejected, _BeingChanged):
            usual = self._client(record.guild_id, record.provider, None)
            if usual not in found and usual.account.endpoint == record.account.endpoint:
                found.append(usual)
        if not found and refusal is not None:
            raise refusal
        return found

    async def close(self) -> None:
        """Close the client of every account."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _client(self, guild_id: int, name: str, account: Account | None) -> Provider:
        plugin = self._plugins.get(name)
        if plugin is None or plugin.connect is None:
            known = ", ".join(sorted(self._plugins)) or "none"
            raise Refused(
                say(
                    "This server's provider `{name}` is not installed (installed: {known}). "
                    "The bot's operator can fix that in the config file.",
                    name=name,
                    known=known,
                )
            )
        settings = self._config().find(guild_id, name, plugin.Settings)
        if settings is None and account is not None:  # which says where to, and with which key
            settings = plugin.Settings()
        if settings is None:  # built-in ones would open sessions at another account's cost
            raise _BeingChanged(
                say("The settings of the provider `{name}` are just being changed. Try again in a moment.", name=name)
            )
        key = (name, settings, account)
        if key not in self._clients:
            self._clients[key] = self._connected(name, plugin.connect, settings, account)
        return self._clients[key]

    def _connected(self, name: str, connect: Connect, settings: Any, account: Account | None) -> Provider:
        try:
            return connect(settings, self._network(), account)
        except ParleyError:
            raise
        except Exception as error:
            log.exception("the provider %s failed to connect", name)
            raise Refused(
                say("The provider `{name}` failed. The bot's operator can see why in the log.", name=name)
            ) from error
