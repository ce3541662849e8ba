"""All calls of the process: at most one per server, started, found and ended here."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord

from bot.access.permissions import check_not_timed_out, check_text, check_voice
from bot.access.voice_channel import VoiceChannel
from bot.billing.end_reason import EndReason
from bot.billing.ledger import Ledger, SessionRecord, SessionState
from bot.billing.limits import Allowance, Budget, Limits, Starter
from bot.billing.reaper import Reaper
from bot.billing.receipts import Receipts
from bot.config.load import Config
from bot.config.model import LimitSettings, ServerSettings
from bot.errors import Refused
from bot.language import Text, say
from bot.provider import Provider
from bot.task_failures import log_failure

from . import last_room
from .call import Call
from .connection.echo import EchoTest
from .echo_tests import EchoTests
from .occupancy import Occupancy
from .request import CallRequest
from .services import CallServices
from .state import CallState

log = logging.getLogger(__name__)

#: Seconds a shutdown waits for sessions to be confirmed closed; Docker kills after 10.
SHUTDOWN_TIMEOUT = 5.0
#: Seconds a start waits for what the last run left open; after that it is ended in the background.
RECOVERY_TIMEOUT = 5.0
#: Seconds in which a call that the ledger knows may have left the bot in its channel.
RECENT_SECONDS = 86_400.0


class CallManager:
    """Starts, finds and ends calls, and owns their tasks."""

    def __init__(
        self,
        services: CallServices,
        provider_for: Callable[[int, ServerSettings], Provider],
        ledger: Ledger,
        max_calls: int | None = None,
        ledger_file: Path | None = None,
    ) -> None:
        """Keep the address of each call's room beside `ledger_file`."""
        self.ledger = ledger
        self._ledger_file = ledger_file
        self.limits = Limits(ledger, max_calls)
        self._services = services
        self._provider_for = provider_for
        self._receipts = Receipts(ledger, services.observer)
        self._reaper = Reaper(ledger, services.closer, self._has_call)
        self._routines: dict[str, asyncio.Task[None]] = {}  # what runs until the shutdown, by name
        self._calls: dict[int, Call] = {}  # by guild id
        self._tasks: set[asyncio.Task[None]] = set()
        self._tests = EchoTests(services.engine)
        self._occupancy = Occupancy(self._calls.values)
        self._closing = False
        self._been_in: set[int] = set()  # guild ids in which this process was in voice

    def of_guild(self, guild_id: int) -> Call | None:
        """Return the server's call that has not ended; None when there is none."""
        call = self._calls.get(guild_id)
        return None if call is None or call.state is CallState.ENDED else call

    def still_billed(self, guild_id: int) -> Call | None:
        """Return the server's call that is over and whose session the provider has not ended yet; None when there is
        none."""
        call = self._calls.get(guild_id)
        if call is None or call.state is not CallState.ENDED or call.closing is None or call.closing.done():
            return None
        return call

    def is_in_voice(self, guild_id: int) -> bool:
        """Return whether a call or an echo test uses one of the server's voice channels."""
        call = self.of_guild(guild_id)
        return self._tests.of_guild(guild_id) is not None or (call is not None and call.state is not CallState.ENDING)

    async def knows_of(self, guild_id: int) -> bool:
        """Return whether this process, or one before it with the same ledger, has put the bot into a voice channel of
        the server; another process with its token may have."""
        if guild_id in self._been_in:
            return True
        since = time.time() - RECENT_SECONDS
        return bool(await self.ledger.between(since, math.inf, guild_id))

    def config_of(self, guild_id: int) -> Config | None:
        """Return what the server's call began with, until its receipt is given; None when there is none."""
        call = self._calls.get(guild_id)
        return None if call is None else call.config

    async def history(self, start: float, end: float, guild_id: int) -> Sequence[SessionRecord]:
        """Return a server's sessions that were opened in a time, in seconds since 1970; LedgerError."""
        return await self.ledger.between(start, end, guild_id)

    async def budgets(self, settings: LimitSettings, starter: Starter, now: datetime) -> Sequence[Budget]:
        """Return what is left of the limits that hold for somebody; LedgerError."""
        return await self.limits.budgets(settings, starter, now)

    async def recover(self) -> None:
        """End what an earlier run of the bot left open, before any new call; LedgerError."""
        endings: list[asyncio.Task[SessionRecord]] = []
        for record in await self.ledger.unsettled():
            if record.must_be_ended:
                log.warning("session %s was left open; ending it", record.id)
                endings.append(self._services.closer.end(record, EndReason.CRASHED))
            elif record.state is SessionState.INTENT:
                log.error("session %s may be open and billed: the bot died before its answer came", record.id)
                await self.ledger.record_unknown(
                    record.id, record.intended_at, "the bot died before the answer to the POST"
                )
        self._run_always("reaper", self._reaper.run())
        self._run_always("occupancy", self._occupancy.watch())
        if endings:
            await asyncio.wait(endings, timeout=RECOVERY_TIMEOUT)

    def give_receipts(self) -> None:
        """Give receipts from now on, since the channels can be written to."""
        if "receipts" not in self._routines:
            self._run_always("receipts", self._receipts.sweep())

    def _run_always(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._routines[name] = asyncio.create_task(work, name=name)

    async def start(self, request: CallRequest, config: Config) -> Call:
        """Start a call and wait until it is live; ParleyError with words for the user when it cannot be.

        The call keeps this config until it ends, whatever becomes of the file.
        """
        guild_id = request.channel.guild.id
        settings = config.server(guild_id)
        allowed = config.host.servers_allowed
        if allowed is not None and guild_id not in allowed:
            raise Refused(say("This bot's operator has not enabled it for this server, so no call can start here."))
        if guild_id in config.unusable:
            raise Refused(
                say(
                    "This server's settings file has a mistake, so no call can start. `/voicebot settings show` "
                    "says where; the bot's operator can correct it, or you can with `/voicebot settings import`."
                )
            )
        self._check_free(guild_id)
        billed = self.still_billed(guild_id)
        if billed is not None:
            raise Refused(
                say(
                    "{provider} has not confirmed the end of the last call's session yet, so it may still be "
                    "billing. I keep trying; a new call can begin when it has.",
                    provider=billed.provider.title,
                )
            )
        await self._check_settled(guild_id)
        check_not_timed_out(request.channel.guild)
        check_text(request.channel.guild, request.text_channel_id)
        check_voice(request.channel)
        await self._end_test(guild_id)
        provider = self._provider_for(guild_id, settings)
        call = Call(request, config, provider, self._services, self._allowance)
        self._calls[guild_id] = call
        self._been_in.add(guild_id)
        task = asyncio.create_task(self._run(call), name=f"call {call.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._on_done(call, done))
        await asyncio.shield(call.live)
        if self._ledger_file is not None and call.session is not None:
            await asyncio.to_thread(last_room.remember, self._ledger_file, call.session.room_url)
        self._occupancy.count(call)
        return call

    def test_of(self, guild_id: int) -> EchoTest | None:
        """Return the server's echo test that is going on; None when there is none."""
        return self._tests.of_guild(guild_id)

    async def start_test(self, channel: VoiceChannel, user_id: int, config: Config) -> EchoTest:
        """Try a channel out without a voicebot, and wait until it can be heard; ParleyError when it cannot be."""
        guild_id = channel.guild.id
        self._check_free(guild_id)
        check_not_timed_out(channel.guild)
        check_voice(channel)
        await self._end_test(guild_id)
        self._been_in.add(guild_id)
        return await self._tests.start(channel, config.server(guild_id), user_id)

    async def _end_test(self, guild_id: int) -> None:
        """End an echo test and wait for it; Refused when another call or test has started on the server meanwhile."""
        await self._tests.end(guild_id)
        self._check_free(guild_id)

    def provider_of(self, guild_id: int, config: Config) -> Provider:
        """Return the provider that a server's calls would be opened at; ParleyError when it is not there or has no
        key."""
        return self._provider_for(guild_id, config.server(guild_id))

    def on_voice_state(self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState) -> None:
        """Look who is in the call's channel, after somebody joined, left or moved."""
        self._tests.on_voice_state(member.guild.id)
        call = self.of_guild(member.guild.id)
        if call is not None and call.state is not CallState.CONNECTING:
            self._occupancy.on_voice_state(call, member)

    def on_permissions(self, guild: discord.Guild) -> None:
        """Look whether a call can still do what it must, after roles, overwrites or the bot's own roles have
        changed."""
        call = self.of_guild(guild.id)
        if call is not None and call.state is not CallState.CONNECTING:
            call.check_permissions()

    def on_channel_deleted(self, channel: discord.abc.GuildChannel) -> None:
        """End the call whose voice channel is gone."""
        call = self.of_guild(channel.guild.id)
        if call is not None and call.voice_channel_id == channel.id:
            call.end(EndReason.CHANNEL_DELETED)

    def on_guild_removed(self, guild: discord.Guild) -> None:
        """End the call of a server that the bot is no longer on."""
        call = self.of_guild(guild.id)
        if call is not None:
            call.end(EndReason.SERVER_LEFT)

    def on_gateway(self, guild_ids: Iterable[int], *, connected: bool) -> None:
        """Tell the calls of these servers that Discord's gateway was lost, or is back; an outage of one server counts
        as well."""
        for guild_id in guild_ids:
            call = self.of_guild(guild_id)
            if call is not None:
                call.on_gateway(connected=connected)
                if connected and call.state is not CallState.CONNECTING:  # people may have left unseen
                    self._occupancy.count(call)

    async def _check_settled(self, guild_id: int) -> None:
        """Refused while an earlier run's session may still be billed: its end is tried again and again."""
        for record in await self.ledger.unsettled():
            if record.guild_id == guild_id and record.must_be_ended and not self._has_call(record.id):
                raise Refused(
                    say(
                        "The end of an earlier call's session is not confirmed yet, so it may still be billing. "
                        "I keep trying; a new call can begin when it is."
                    )
                )

    async def shutdown(self) -> None:
        """End every call and wait up to `SHUTDOWN_TIMEOUT` for the provider; the ledger has what is still open."""
        self._closing = True
        for call in self._calls.values():
            call.end(EndReason.SHUTDOWN)
        self._tests.stop()
        if tasks := {*self._tasks, *self._tests.tasks}:
            _, pending = await asyncio.wait(tasks, timeout=SHUTDOWN_TIMEOUT)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await self._services.closer.stop()
        for routine in self._routines.values():
            routine.cancel()
        await asyncio.gather(*self._routines.values(), return_exceptions=True)

    def _has_call(self, session_id: str) -> bool:
        return any(call.id == session_id for call in self._calls.values())

    async def _allowance(self, call: Call) -> Allowance | None:
        """Return how long a call may last. Calls that were asked for before it count, also before the ledger knows
        them."""
        before: dict[str, Starter] = {}
        for other in self._calls.values():
            if other is call:
                break
            if other.state is not CallState.ENDED:
                before[other.id] = Starter(other.guild_id, other.starter_id)
        starter = Starter(call.guild_id, call.starter_id, call.request.starter_roles)
        return await self.limits.allowance(call.settings.limits, starter, datetime.now(UTC), before)

    async def _run(self, call: Call) -> None:
        """Run a call, then wait for the end of its session, then give the receipt."""
        self._receipts.expect(call.id)
        try:
            await call.run()
            if call.closing is not None:
                await self._receipts.give(await asyncio.shield(call.closing))
        finally:
            self._receipts.release(call.id)

    def _on_done(self, call: Call, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        call.recorder.close()
        if self._calls.get(call.guild_id) is call:
            del self._calls[call.guild_id]
        log_failure(log, task, "call %s ended badly", call.id)

    def _check_free(self, guild_id: int) -> None:
        """Refused when the bot is going, or has a call on the server."""
        if self._closing:
            raise Refused(say("The bot is being restarted. Try again in a minute."))
        running = self.of_guild(guild_id)
        if running is not None:
            raise Refused(self._busy(running))

    @staticmethod
    def _busy(call: Call) -> Text:
        where = f"<#{call.voice_channel_id}>"
        if call.state is CallState.ENDING:
            return say("The call in {channel} is just ending. Try again in a moment.", channel=where)
        return say("There is a call in {channel} already. End it with `/voicebot leave` first.", channel=where)
