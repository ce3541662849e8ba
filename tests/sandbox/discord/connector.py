"""How a stock client on aiohttp reaches the sandbox: its own settings, and nothing else."""

from typing import Any

import aiohttp

from sandbox.discord.server import Discord


class _Here(aiohttp.abc.AbstractResolver):
    """Every host is at one port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": self.port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None: ...


def connector_to(server: Discord) -> aiohttp.TCPConnector:
    """A client's connector that trusts this Discord and finds every host there."""
    return aiohttp.TCPConnector(resolver=_Here(server.port), ssl=server.client_tls())
