"""Makes Valsea available as a provider."""

from bot.api import Account, KeyRejected, Network, Plugin, SecretError, read_secret, say

from .client import ValseaClient
from .contract import ASSUMPTIONS
from .settings import ValseaSettings


class ValseaPlugin(Plugin[ValseaSettings]):
    """Offers the provider `valsea` to servers."""

    name = "valsea"
    Settings = ValseaSettings
    assumptions = ASSUMPTIONS

    @staticmethod
    def connect(settings: ValseaSettings, network: Network, account: Account | None) -> ValseaClient:  # type: ignore[override]
        """Make a client; KeyRejected when its key is not in the environment, or cannot be a key."""
        if account is not None:
            settings = settings.model_copy(update={"api_key_env": account.key_name, "base_url": account.endpoint})
        try:
            key = read_secret(settings.api_key_env)
        except SecretError as error:
            raise KeyRejected(str(error), for_user=error.for_user) from error
        if key is None:
            raise KeyRejected(
                f"{settings.api_key_env} is not set",
                for_user=say(
                    "This bot has no Valsea API key. Its operator must set the environment variable "
                    "`{variable}` (valsea.ai, Settings, API Keys) and restart it.",
                    variable=settings.api_key_env,
                ),
            )
        return ValseaClient(settings, key, network)
