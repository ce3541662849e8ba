"""`parley live`: one short call on the real services, and what differs there from what the code assumes."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import discord

from bot.access.voicebots import resolve_voicebot
from bot.app import Parley
from bot.billing_services import BillingServices
from bot.cancellation import StepCancelled, cancel_when
from bot.config.config_file import ConfigFile
from bot.config.load import Config
from bot.errors import ParleyError, Refused
from bot.live.check import LiveCheck, Where, closed_to_others
from bot.live.live_recorder import LiveRecords
from bot.live.second_bot import SecondBot
from bot.network import Network, take_over_environment
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.providers import Providers
from bot.recorder.contract import Outcome
from bot.recorder.reading import read

from .exit_codes import EXIT_DIFFERS, EXIT_FAILED, EXIT_LOGIN, EXIT_UNSEEN
from .findings import lines_of, summary
from .login import FAILURES, explain, read_token
from .record import findings

#: Seconds for a bot to log in and to be told of its servers.
READY_TIMEOUT = 60.0
SAME_BOT = "Both tokens are the same bot's. The second bot needs an application of its own."
INTRODUCTION = """\
This opens one session at the provider and ends it within a minute: about one billed minute.
The bot joins the voice channel and posts there, as in any call. A flight record is written, which holds nothing
of what is said, and no secret."""
ALONE = """\
Without --second-token-env only the people in the channel speak, and no delay is measured."""


def main(config: Config, catalog: Catalog, options: argparse.Namespace, folder: Path) -> int:
    """Run the live check; 0 when every assumption held, 4 when one did not, 5 when one was not seen, 1 when there was
    no call, 3 without a token that Discord takes. The flight record goes into `folder`."""
    variable, second_variable = config.host.discord.token_env, options.second_token_env
    token = read_token(variable)
    second_token = None if second_variable is None else read_token(second_variable, "the second bot's")
    if token is None or (second_variable is not None and second_token is None):
        return EXIT_LOGIN
    try:
        _check_settings(config, catalog, options.server)
        if token == second_token:
            raise Refused(SAME_BOT)
    except ParleyError as error:
        print(error.for_user, file=sys.stderr)
        return EXIT_FAILED
    print(INTRODUCTION if second_token else f"{INTRODUCTION}\n{ALONE}", flush=True)
    if not options.yes and not _is_agreed():
        print("Nothing was done.")
        return EXIT_FAILED
    take_over_environment(config.host.network)
    records = LiveRecords(folder)
    check = _Run(config, catalog, records, Where(options.server, options.channel))
    code = 0
    try:
        asyncio.run(check.run(token, second_token))
    except StepCancelled:
        print("Interrupted. If a session was open, it is ended: `parley sessions list` shows it.", file=sys.stderr)
        code = EXIT_FAILED
    except ParleyError as error:
        print(error.for_user, file=sys.stderr)
        code = EXIT_FAILED
    except FAILURES as error:
        code = explain(error, second_variable if check.second_failed else variable)
    file = records.file
    if code and file is None:  # there was no call
        return code
    verdict = _judge(file, catalog)
    return code or verdict


def _check_settings(config: Config, catalog: Catalog, guild_id: int) -> None:
    """Refused or KeyRejected for what would keep the call from being opened, before anybody is asked."""
    settings = config.server(guild_id)
    resolve_voicebot(settings, None)
    Providers(lambda: config, catalog.classes, lambda: Network.of(config.host.network)).of_server(guild_id, settings)


def _is_agreed() -> bool:
    print("Type yes to go on: ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print()
    return answer.strip().lower() in ("yes", "y")


def _judge(file: Path | None, catalog: Catalog) -> int:
    if file is None:
        print("The flight record could not be written, so there is no verdict.", file=sys.stderr)
        return EXIT_FAILED
    try:
        found = findings(read(file), catalog)
    except ParleyError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    print()
    for line in lines_of(found):
        print(line)
    print(f"\n{summary(found)} The flight record, for a report: {file}")
    outcomes = {one.verdict.outcome for one in found}
    if Outcome.DIFFERS in outcomes:
        return EXIT_DIFFERS
    return EXIT_UNSEEN if Outcome.NOT_SEEN in outcomes else 0


class _Run:
    """The bots of one live check, from their login until they are closed."""

    def __init__(self, config: Config, catalog: Catalog, records: LiveRecords, where: Where) -> None:
        self._config = config
        self._source = ConfigFile(config.file, catalog.models)
        self._source.use(closed_to_others(self._source.config))
        self._catalog = catalog
        self._records = records
        self._where = where
        self._connections: list[asyncio.Task[None]] = []
        #: Whether what went wrong is the second bot's login.
        self.second_failed = False

    async def run(self, token: str, second_token: str | None) -> None:
        """Check until that is done or a signal comes (StepCancelled); the bots are closed then, in any case."""
        stop = _stop_signal()
        billing = await BillingServices.open(lambda: self._source.config, self._catalog.classes)
        try:
            bot = Parley(self._source, billing, self._catalog, self._records)
            await bot.calls.recover()
        except BaseException:
            await billing.close()
            raise
        async with contextlib.AsyncExitStack() as closing:  # from the last to the first
            closing.push_async_callback(self._disconnect)
            closing.push_async_callback(bot.close)
            second = None
            if second_token is not None:
                second = SecondBot(self._config.host.network, bot.media_engine)
                closing.push_async_callback(second.close)
            closing.push_async_callback(bot.calls.shutdown)  # the session first
            await cancel_when(stop, self._check(bot, token, second, second_token or ""))

    async def _disconnect(self) -> None:
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _check(self, bot: Parley, token: str, second: SecondBot | None, second_token: str) -> None:
        await self._log_in(bot, token)
        commands = sum(1 for _ in bot.tree.walk_commands())
        servers = f"{len(bot.guilds)} server{'s' * (len(bot.guilds) != 1)}"
        _tell(f"logged in as {bot.user}, on {servers}, with {commands} commands")
        if second is not None:
            self.second_failed = True
            await self._log_in(second, second_token)
            self.second_failed = False
            _tell(f"logged in the second bot as {second.user}")
            if second.user == bot.user:
                raise Refused(SAME_BOT)
        await LiveCheck(bot, self._config, self._records, self._where, second, _tell).run()

    async def _log_in(self, client: discord.Client, token: str) -> None:
        """Wait until a client is logged in and knows its servers; what keeps it from that is raised."""
        await client.login(token)
        connection = asyncio.create_task(client.connect(), name="discord")
        self._connections.append(connection)
        ready = asyncio.create_task(client.wait_until_ready(), name="ready")
        try:
            await asyncio.wait({connection, ready}, timeout=READY_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if connection.done():
            connection.result()
        if not ready.done():
            raise Refused(f"Discord did not become ready in {READY_TIMEOUT:.0f} seconds. Try again later.")


def _stop_signal() -> asyncio.Event:
    """Return what the first signal sets, in a loop; a second one ends the process at once, and the watchdog the
    session."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def take() -> None:
        stop.set()
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, take)
    return stop


def _tell(text: str) -> None:
    print(f"» {text}", flush=True)
