"""`parley run`: the bot, from its login until a signal ends it."""

import asyncio
import logging
import signal
from pathlib import Path

from bot.app import Parley
from bot.billing_services import BillingServices, rescue
from bot.call.flight_records import FlightRecords
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.config.watch import watch as watch_config
from bot.errors import KeyRejected, LedgerError, ParleyError, SecretError
from bot.network import take_over_environment
from bot.plugin_host.catalog import Catalog

from .exit_codes import EXIT_LOGIN
from .login import FAILURES, explain, read_token
from .logs import set_log_level

log = logging.getLogger(__name__)


def run(config: Config, catalog: Catalog, record: Path | None = None) -> int:
    """Run the bot until it is told to stop; the exit code. `record` is the folder of the flight records."""
    for broken in catalog.broken:
        log.error("%s", broken)
    variable = config.host.discord.token_env
    token = read_token(variable)
    if token is None:
        return EXIT_LOGIN
    for name in take_over_environment(config.host.network):
        log.warning("%s is ignored: a proxy is set with `network: proxy:` in the config", name)
    try:
        asyncio.run(_serve(config, catalog, token, record))
    except FAILURES as error:
        return explain(error, variable)
    return 0


async def _serve(config: Config, catalog: Catalog, token: str, record: Path | None) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; all of them end every call before the process goes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    source = ConfigFile(config.file, catalog.models)
    try:
        billing = await BillingServices.open(lambda: source.config, catalog.classes)
    except LedgerError:
        await rescue(config, catalog.classes, stop)
        raise
    try:
        _check_keys(config, billing)
        bot = Parley(source, billing, catalog, FlightRecords(record))
        source.on_change = lambda config: _on_config_change(bot, config)
        await bot.calls.recover()  # before Discord, which may be out of reach while the meter runs
    except BaseException:
        await billing.close()
        raise
    running = asyncio.create_task(bot.start(token), name="discord")
    watching = asyncio.create_task(watch_config(source), name="config")
    stopping = asyncio.create_task(stop.wait(), name="signal")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = running.done()  # by itself, before anything is closed under it
        stopping.cancel()
        watching.cancel()
        await bot.close()
        running.cancel()  # discord.py tries to connect for ever when the gateway is out of reach
        await asyncio.gather(stopping, watching, running, return_exceptions=True)
    if ended:
        running.result()


def _check_keys(config: Config, billing: BillingServices) -> None:
    """SecretError for a key that cannot be one: each call would fail with it, and not say why."""
    for guild_id in (0, *config.host.servers):
        try:
            billing.providers.of_server(guild_id, config.server(guild_id))
        except KeyRejected as error:
            if isinstance(error.__cause__, SecretError):
                raise error.__cause__ from None
        except ParleyError as error:  # which is told where it matters
            log.warning("server %s: %s", guild_id or "by default", error)


def _on_config_change(bot: Parley, config: Config) -> None:
    set_log_level(config.host.log.level)
    bot.on_config_change()
