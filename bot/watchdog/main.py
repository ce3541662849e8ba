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
from bot.config.load import Config
from bot.config.watch import ConfigFile
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
    source = ConfigFile(file, {name: plugin.Settings for name, plugin in plugins.items()})
    stop = asyncio.Event()
    if instance is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    else:
        outlive_the_bot()
    settings = source.config
    ledger = await SqliteLedger.open(settings.ledger_file)
    tls = tls_context(settings.host.network)
    providers = Providers(lambda: _current(source), plugins, lambda: tls)
    closer = SessionCloser(ledger, providers.enders)
    pulse = PulseReader(lock_file(settings.ledger_file), settings.host.ledger.heartbeat_limit)
    try:
        watchdog = Watchdog(ledger, closer, RecordedOpener(ledger, closer, providers.of_session), pulse, instance)
        await watchdog.run(None if line is None else socket.socket(fileno=line), stop)
    finally:
        pulse.close()
        await providers.close()
        await ledger.close()


def _current(source: ConfigFile) -> Config:
    """The config in force, read again when its files have changed."""
    if source.changed():
        try:
            source.read()
        except ConfigError as error:
            log.error("the changed config is not used: %s", error)
    return source.config
