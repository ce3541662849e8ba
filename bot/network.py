"""How Parley reaches the outside: TLS trust and host map for every connection it opens.

Both are for hosts behind a corporate proxy or a gateway of their own; they default to the plain internet.
"""

import fnmatch
import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.config.model import NetworkSettings


def tls_context(settings: NetworkSettings) -> ssl.SSLContext:
    """The system's trust, plus one certificate authority when configured (OSError, ssl.SSLError)."""
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        context.load_verify_locations(cafile=settings.ca_file)
    return context


def connector(settings: NetworkSettings) -> aiohttp.BaseConnector:
    """A connector for aiohttp and discord.py; call it inside the event loop that will use it."""
    resolver = _HostMap(settings.connect_to) if settings.connect_to else None
    return aiohttp.TCPConnector(ssl=tls_context(settings), resolver=resolver, limit=0)


class _HostMap(AbstractResolver):
    """Sends the hosts of a map elsewhere, as curl's `--connect-to` does; names and certificates stay as they are."""

    def __init__(self, mapping: dict[str, str]) -> None:
        self._mapping = mapping
        self._default = aiohttp.DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        for pattern, target in self._mapping.items():
            if fnmatch.fnmatch(host, pattern):
                address, _, mapped_port = target.rpartition(":")
                found = await self._default.resolve(address, int(mapped_port), family)
                for result in found:
                    result["hostname"] = host
                return found
        return await self._default.resolve(host, port, family)

    async def close(self) -> None:
        await self._default.close()
