"""How Parley reaches the outside: TLS trust, host map and proxy, by one rule for every connection that takes one.

All three are for hosts behind a proxy or a gateway of their own; they default to the plain internet. They hold for
Discord (REST, gateway, voice websocket), the providers and `parley doctor`. LiveKit's SDK has its own TLS and its own
resolver, so `ca_file` and `connect_to` do not reach it; the proxy does, by the environment that the SDK reads. UDP, of
Discord's voice and of WebRTC, goes through no proxy.
"""

import fnmatch
import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.config.model import NetworkSettings
from bot.http_library import httpx
from bot.recorder.observed_transport import ObservedTransport

__all__ = ["Network", "connector", "httpx", "ignored_proxies", "take_over_environment", "tls_context"]

#: Where libraries look for a proxy by themselves, each by rules of its own.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy")


def tls_context(settings: NetworkSettings) -> ssl.SSLContext:
    """Make a TLS context of the system's trust, plus one certificate authority when configured (OSError,
    ssl.SSLError)."""
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(cafile=settings.ca_file)
    return context


def connector(settings: NetworkSettings) -> aiohttp.BaseConnector:
    """Make a connector for aiohttp and discord.py; call it inside the event loop that will use it."""
    resolver = _HostMap(settings.connect_to) if settings.connect_to else None
    return aiohttp.TCPConnector(ssl=tls_context(settings), resolver=resolver, limit=0)


def ignored_proxies(settings: NetworkSettings) -> list[str]:
    """Return the environment's variables that name another proxy than the setting does."""
    return [name for name in _spellings(_PROXIES) if os.environ.get(name, "") not in ("", settings.proxy)]


def _spellings(variables: Iterable[str]) -> list[str]:
    return [spelling for variable in variables for spelling in (variable, variable.upper())]


def take_over_environment(settings: NetworkSettings) -> list[str]:
    """Make the setting the only proxy that this process and its children know; return the variables that said another.

    Each library heeds the usual variables differently (discord.py none of them, LiveKit's SDK all but NO_PROXY), so a
    process that left them alone could open a billed session and not reach its room.
    """
    found = ignored_proxies(settings)
    for name in _spellings((*_PROXIES, "no_proxy")):
        os.environ.pop(name, None)
    if settings.proxy is not None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            os.environ[name] = settings.proxy
    return found


@dataclass(frozen=True, slots=True)
class Network:
    """What a provider's client connects with. `proxy` is an http:// address, None for none."""

    tls: ssl.SSLContext
    proxy: str | None = None
    connect_to: Mapping[str, str] | None = None

    @classmethod
    def of(cls, settings: NetworkSettings) -> "Network":
        """Make it from the settings (OSError, ssl.SSLError)."""
        return cls(tls_context(settings), settings.proxy, settings.connect_to or None)

    def http_client(self, **options: Any) -> httpx.AsyncClient:
        """Make a client for a provider's REST API; `options` are httpx's own."""
        direct = httpx.AsyncHTTPTransport(verify=self.tls, proxy=self.proxy, trust_env=False)
        transport = _MappedTransport(direct, self.connect_to) if self.connect_to else direct
        return httpx.AsyncClient(
            transport=ObservedTransport(transport), trust_env=False, follow_redirects=False, **options
        )


def _mapped(host: str, mapping: Mapping[str, str]) -> tuple[str, int] | None:
    """Where to connect to instead of a host; None for where it is."""
    target = next((target for pattern, target in mapping.items() if fnmatch.fnmatch(host, pattern)), None)
    if target is None:
        return None
    address, _, port = target.rpartition(":")
    return address.removeprefix("[").removesuffix("]"), int(port)


class _HostMap(AbstractResolver):
    """Sends the hosts of a map elsewhere, as curl's `--connect-to` does; names and certificates stay as they are."""

    def __init__(self, mapping: dict[str, str]) -> None:
        self._mapping = mapping
        self._default = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        mapped = _mapped(host, self._mapping)
        if mapped is None:
            return await self._default.resolve(host, port, family)
        address, mapped_port = mapped
        kind = socket.AF_INET6 if ":" in address else family
        found = await self._default.resolve(address, mapped_port, kind)
        for result in found:
            result["hostname"] = host
        return found

    async def close(self) -> None:
        await self._default.close()


class _MappedTransport(httpx.AsyncBaseTransport):
    """Connects httpx to another address; the request and the certificate's name stay."""

    def __init__(self, direct: httpx.AsyncBaseTransport, mapping: Mapping[str, str]) -> None:
        self._direct = direct
        self._mapping = mapping

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        mapped = _mapped(request.url.host, self._mapping)
        if mapped is not None:
            request.extensions = {**request.extensions, "sni_hostname": request.url.host}
            request.url = request.url.copy_with(host=mapped[0], port=mapped[1])  # its Host header is made already
        return await self._direct.handle_async_request(request)

    async def aclose(self) -> None:
        await self._direct.aclose()
