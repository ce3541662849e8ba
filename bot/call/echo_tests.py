"""The echo tests of the process: at most one per server, each with the task that runs it."""

import asyncio
from collections.abc import Collection

from bot.access.voice_channel import VoiceChannel, people_in
from bot.config.model import ServerSettings

from .connection.echo import EchoTest
from .connection.media import MediaEngine


class EchoTests:
    """Starts, finds and ends echo tests, and owns their tasks."""

    def __init__(self, engine: MediaEngine) -> None:
        self._engine = engine
        self._tests: dict[int, EchoTest] = {}  # by guild id
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tasks(self) -> Collection["asyncio.Task[None]"]:
        """The tasks of those that are not over."""
        return self._tasks

    def of_guild(self, guild_id: int) -> EchoTest | None:
        """Return the server's echo test that is going on; None when there is none."""
        return self._tests.get(guild_id)

    async def start(self, channel: VoiceChannel, settings: ServerSettings, user_id: int) -> EchoTest:
        """Start a test and wait until it can be heard; ParleyError when it cannot be."""
        guild_id = channel.guild.id
        test = self._tests[guild_id] = EchoTest(channel, settings, user_id, self._engine)
        task = asyncio.create_task(self._run(test), name=f"echo test on {guild_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(test.ready)
        return test

    async def end(self, guild_id: int) -> None:
        """End the server's test and wait for it, and for any that has started meanwhile."""
        while (test := self._tests.get(guild_id)) is not None:
            test.stop()
            await test.over.wait()
            self._forget(test)

    def on_voice_state(self, guild_id: int) -> None:
        """End the server's test when everybody has left its channel."""
        test = self._tests.get(guild_id)
        if test is not None and not people_in(test.channel):
            test.stop()

    def stop(self) -> None:
        """End all of them; `tasks` are done then."""
        for test in self._tests.values():
            test.stop()

    async def _run(self, test: EchoTest) -> None:
        try:
            await test.run()
        finally:
            self._forget(test)

    def _forget(self, test: EchoTest) -> None:
        if self._tests.get(test.channel.guild.id) is test:
            del self._tests[test.channel.guild.id]
