"""`parley watchdog`: started by the bot, or by an operator who wants it in a container of its own."""

import asyncio
import logging
import signal
import socket
from pathlib import Path

from bot.billing.closing import SessionCloser
from bot.billing.ledger.sqlite import SqliteLedger
from bot.billing.opening import RecordedOpener
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.errors import ConfigError
from bot.network import Network, take_over_environment
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.providers import Providers

from .heartbeat import HeartbeatReader, lock_file
from .process import Watchdog, outlive_the_bot

log = logging.getLogger(__name__)


async def watch(file: Path, catalog: Catalog, instance: int | None = None, connection: int | None = None) -> None:
    """Run a watchdog. `instance` and `connection` (a socket's file descriptor) come from the bot that starts it."""
    source = ConfigFile(file, catalog.models)
    stop = asyncio.Event()
    if instance is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    else:
        outlive_the_bot()
    settings = source.config
    take_over_environment(settings.host.network)
    ledger = await SqliteLedger.open(settings.ledger_file)
    network = Network.of(settings.host.network)
    providers = Providers(lambda: _current(source), catalog.classes, lambda: network)
    closer = SessionCloser(ledger, providers.enders)
    heartbeat = HeartbeatReader(lock_file(settings.ledger_file), settings.host.ledger.heartbeat_limit)
    try:
        watchdog = Watchdog(ledger, closer, RecordedOpener(ledger, closer, providers.of_session), heartbeat, instance)
        await watchdog.run(None if connection is None else socket.socket(fileno=connection), stop)
    finally:
        heartbeat.close()
        await providers.close()
        await ledger.close()


def _current(source: ConfigFile) -> Config:
    """Return the config in force, read again when its files have changed."""
    if source.is_outdated():
        try:
            source.refresh()
        except ConfigError as error:
            log.error("the changed config is not used: %s", error)
    return source.config
