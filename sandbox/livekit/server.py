"""Runs livekit-server on 127.0.0.1 for as long as it is needed."""

import asyncio
import contextlib
import json
import random
import secrets
import socket
from datetime import timedelta
from pathlib import Path

import aiohttp
from livekit import api

from .build import binary

START_TIMEOUT = 20.0  # seconds


#: Below the ports from which systems take those of outgoing connections (32768 and up on Linux, `ip_local_port_range`
#: in ip(7); 49152 and up elsewhere): one of these stays free until whoever asked for it listens there.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that nobody uses, on any address, for TCP or for UDP."""
    while True:
        port = random.choice(PORTS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                probes.enter_context(socket.socket(socket.AF_INET, kind)).bind(("", port))
            return port


class LiveKitServer:
    """`start` it, join rooms at `url` with tokens from `token`, `stop` it."""

    def __init__(self) -> None:
        self.key = "sandbox"
        self.secret = secrets.token_hex(24)
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None
        self.log: Path | None = None
        #: Of tokens that are made from now on. The server accepts one for a minute more.
        self.token_life = timedelta(hours=1)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, log: Path | None = None) -> None:
        """Start on free ports and wait until it answers; BuildError, TimeoutError or RuntimeError."""
        path = await asyncio.to_thread(binary)
        self.log = log
        self.port = self.port or free_port()
        config = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "use_external_ip": False,
                "node_ip": "127.0.0.1",
                "interfaces": {"includes": ["lo"]},
                "enable_loopback_candidate": True,
            },
            "keys": {self.key: self.secret},
            "logging": {"level": "info"},
        }
        with contextlib.ExitStack() as files:
            output = files.enter_context(log.open("ab")) if log is not None else asyncio.subprocess.DEVNULL
            self._process = await asyncio.create_subprocess_exec(
                str(path), "--config-body", json.dumps(config), stdout=output, stderr=output
            )
        await self._wait_until_ready()

    async def stop(self) -> None:
        """End it; kill it when it does not go."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """As a crash: SIGKILL. `start` brings it back on the same port."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    def token(self, identity: str, room: str, *, agent: bool = False, hidden: bool = False) -> str:
        """A participant's access token for a room, valid for `token_life`."""
        grants = api.VideoGrants(room_join=True, room=room, agent=agent, hidden=hidden, can_update_own_metadata=True)
        token = api.AccessToken(self.key, self.secret).with_identity(identity).with_name(identity)
        if agent:
            token = token.with_kind("agent")
        return token.with_grants(grants).with_ttl(self.token_life).to_jwt()

    async def _wait_until_ready(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(START_TIMEOUT), aiohttp.ClientSession() as http:
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError(f"livekit-server ended with {self._process.returncode}")
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(self.http_url) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)
