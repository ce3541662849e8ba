"""`parley watchdog`: started by the bot, or by an operator who wants it in a container of its own."""

import asyncio
import logging
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.call.closing import SessionCloser
from bot.call.ledger.sqlite import SqliteLedger
from bot.call.opening import RecordedOpener
from bot.config.load import Config, load
from bot.errors import ConfigError
from bot.network import tls_context
from bot.plugin_host.plugin import Plugin
from bot.plugin_host.providers import Providers

from .process import Watchdog, outlive_the_bot
from .pulse import PulseReader, lock_file

log = logging.getLogger(__name__)


async def watch(
    file: Path, plugins: Mapping[str, type[Plugin[Any]]], instance: int | None = None, line: int | None = None
) -> None:
    """Run a watchdog. `instance` and `line` (a socket's file descriptor) come from the bot that starts it."""
    config = _ConfigFile(file, plugins)
    stop = asyncio.Event()
    if instance is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    else:
        outlive_the_bot()
    settings = config.current()
    ledger = await SqliteLedger.open(settings.ledger_file)
    providers = Providers(config.current, plugins, lambda: tls_context(config.current().host.network))
    closer = SessionCloser(ledger, providers.of_session)
    pulse = PulseReader(lock_file(settings.ledger_file), settings.host.ledger.heartbeat_limit)
    try:
        watchdog = Watchdog(ledger, closer, RecordedOpener(ledger, closer, providers.of_session), pulse, instance)
        await watchdog.run(None if line is None else socket.socket(fileno=line), stop)
    finally:
        pulse.close()
        await providers.close()
        await ledger.close()


class _ConfigFile:
    """The config, read again when its file has changed; a mistake in it leaves the last good one in force."""

    def __init__(self, file: Path, plugins: Mapping[str, type[Plugin[Any]]]) -> None:
        self._file = file
        self._models = {name: plugin.Settings for name, plugin in plugins.items()}
        self._changed = self._stamp()
        self._config = load(file, self._models)

    def current(self) -> Config:
        stamp = self._stamp()
        if stamp is not None and stamp != self._changed:
            self._changed = stamp
            try:
                self._config = load(self._file, self._models)
            except ConfigError as error:
                log.error("the changed config is not used: %s", error)
        return self._config

    def _stamp(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None
