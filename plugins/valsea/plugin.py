"""Makes Valsea available as a provider."""

import os
import ssl

from bot.errors import KeyRejected
from bot.language import say
from bot.plugin_host.plugin import Plugin
from bot.provider import Account

from .client import ValseaClient
from .settings import ValseaSettings


class ValseaPlugin(Plugin[ValseaSettings]):
    """The provider `valsea`."""

    name = "valsea"
    Settings = ValseaSettings

    @staticmethod
    def connect(settings: ValseaSettings, tls: ssl.SSLContext, account: Account | None) -> ValseaClient:  # type: ignore[override]
        """A client; KeyRejected when its key is not in the environment."""
        if account is not None:
            settings = settings.model_copy(update={"api_key_env": account.key_name, "base_url": account.endpoint})
        key = os.environ.get(settings.api_key_env)
        if not key:
            raise KeyRejected(
                f"{settings.api_key_env} is not set",
                for_user=say(
                    "This bot has no Valsea API key. Its operator must set the environment variable "
                    "`{variable}` (valsea.ai, Settings, API Keys) and restart it.",
                    variable=settings.api_key_env,
                ),
            )
        return ValseaClient(settings, key, tls)
