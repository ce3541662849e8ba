"""What can be set about Valsea, under `plugins: valsea:`."""

from string import Formatter
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from bot.api import EnvName, ProviderSettings, say

#: What is filled into each path.
_NAMES = {"session_path": [], "end_path": ["room"], "messages_path": ["room"], "library_path": ["voicebot"]}

Timeout = Annotated[float, Field(gt=0, le=120)]


class ValseaSettings(ProviderSettings):
    """Account, addresses and timeout; paths are under `base_url`, `{room}` and `{voicebot}` are filled in."""

    base_url: str = Field("https://api.valsea.ai", description="the API's address")
    api_key_env: EnvName = Field("VALSEA_API_KEY", description="environment variable with the API key")
    timeout: Timeout = Field(20, description="seconds for an answer")
    session_path: str = Field("/v1/voicebot-livekit/session", description="POST opens a session")
    end_path: str = Field("/v1/voicebot-livekit/session/{room}", description="DELETE ends it")
    messages_path: str = Field(
        "/v1/voicebot-livekit/session/{room}/messages",
        description="the stored transcript; Valsea's documentation does not name this path, so it may differ",
    )
    library_path: str = Field(
        "/v1/voicebot-livekit/voicebots/{voicebot}/image-mappings/library",
        description="all pictures of a voicebot",
    )

    @field_validator("session_path", "end_path", "messages_path", "library_path")
    @classmethod
    def _check_path(cls, value: str, about: ValidationInfo) -> str:
        """With a path to nowhere a session could be opened and not be ended."""
        wanted = _NAMES[about.field_name or ""]
        try:
            names = [(name, *how) for _, name, *how in Formatter().parse(value) if name is not None]
        except ValueError:
            names = [("?",)]
        if not value.startswith("/") or names != [(name, "", None) for name in wanted] or set("?#") & set(value):
            shape = (
                say("expected a path that begins with / and has {names} in it once", names=f"{{{wanted[0]}}}")
                if wanted
                else say("expected a path that begins with / and has no {names} in it", names="{...}")
            )
            raise ValueError(shape)
        return value

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            whole = bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment)
        except ValueError:  # a port that is none
            whole = False
        local = whole and parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not whole or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
            raise ValueError(say("expected an https:// address (the API key travels with every request)"))
        return value.rstrip("/")
