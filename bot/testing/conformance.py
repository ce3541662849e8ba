"""Checks that every plugin must pass: unusual calls, refusals by Discord, reloads, and its own unloading.

`parley plugins check FOLDER --thorough` runs all of it, and so does the test that `parley plugins new` writes.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from bot import language
from bot.config.model import NetworkSettings
from bot.errors import ParleyError, ProviderError
from bot.network import Network
from bot.plugin_host import contract
from bot.plugin_host.hooks import MAX_FAILURES
from bot.provider import Account, Provider
from bot.text import MESSAGE_LIMIT

from . import interaction
from .discord_parts import refusal
from .server import PlayedServer
from .watch import MAX_BUSY, BlockWatch

#: Seconds for one check: hooks have half of them each.
CHECK_TIMEOUT = 60.0
#: Seconds for a hook that is made to hang.
SHORT_TIMEOUT = 0.05
#: Messages posted or edited for one thing that happens, and seconds to look at in which nothing does.
MAX_WRITES, IDLE_SECONDS = 5, 2.0
#: Seconds for a thread to see that its plugin is gone.
THREAD_GRACE = 1.0

Check = Callable[[PlayedServer], Awaitable[None]]

#: Those that are told of a call; the others decide whether there is one, or a plugin, and have checks of their own.
HOOKS = [hook for hook in contract.HOOKS if hook not in ("on_load", "on_unload", "on_call_starting")]

#: An account whose provider nobody answers for, and data that no provider sends.
NOWHERE = Account("PARLEY_CONFORMANCE_KEY", "https://127.0.0.1:9")
NONSENSE = (b"", b"\xff\x00", b"null", b"[1, 2]", b'{"type": 5}', b'{"type": "x", "text": {}}', b"{" * 10_000)

#: What a hook says that a check has made to fail.
WANTED_FAILURE = "as the check wants it"
#: What a voicebot or a person may say.
STRANGE = (
    "",
    " ",
    "x" * 4000,
    "@everyone <@&1> <@1001> https://example.com/?a=b",
    "**bold** `code` ```block``` ||spoiler|| # heading",
    "\u202eright to left \u0000 zero \ud7ff \U0001f9db",
    "{name} %s {0}",
)


async def twice(server: PlayedServer) -> None:
    """Play two calls, one after the other, with everything that can happen in them."""
    for _ in range(2):
        if not await server.start():
            return
        await _everything(server)
        await server.end()


async def loaded_twice(server: PlayedServer) -> None:
    """Load it twice more in the same process; each time the instance before it is unloaded."""
    await server.reload()
    await server.reload()
    if await server.start():
        await _everything(server)


async def raises_in_every_hook(server: PlayedServer) -> None:
    """Make each hook fail in turn, as one does when Discord is away: the others must do without what it would have
    done."""

    await _without_each_hook(server, _fails)


async def hangs_in_every_hook(server: PlayedServer) -> None:
    """Make each hook hang in turn until its time is over."""

    await _without_each_hook(server, _hangs, hook_timeout=SHORT_TIMEOUT)


async def fails_before_the_call(server: PlayedServer) -> None:
    """Make `on_call_starting` fail, then hang: the call is refused, until the plugin is paused and no longer asked."""

    dispatcher = server.bot.plugins.dispatcher
    usual = dispatcher.veto_timeout
    if server.plugin.vital or not server.plugin.enabled(server.guild.id):
        return  # nothing begins without it, or it is not asked
    for instead in (_fails, _hangs):
        dispatcher.veto_timeout = SHORT_TIMEOUT
        server.plugin.on_call_starting = instead  # type: ignore[assignment]
        for _ in range(MAX_FAILURES):
            if await server.start():
                raise AssertionError("a call began although on_call_starting did not say that it may")
        dispatcher.veto_timeout = usual
        if not await server.start():
            raise AssertionError(f"a paused plugin still refuses calls: {server.refused}")
        await server.end()
        del server.plugin.on_call_starting
        server.failures[:] = [failure for failure in server.failures if not _wanted(failure)]
        dispatcher.reset_failures(server.name)
    if await server.start():
        await _everything(server)


async def fails_when_unloaded(server: PlayedServer) -> None:
    """Make `on_unload` fail: the next instance is in its place all the same, and nothing of the old one goes on."""

    server.plugin.on_unload = _fails  # type: ignore[method-assign]
    before = server.plugin
    await server.reload()
    if server.plugin is before:
        raise AssertionError("it is the same instance after a reload")
    await twice(server)


async def strange_words(server: PlayedServer) -> None:
    """Let people and the voicebot say strange things."""
    if not await server.start(starter="@everyone"):
        return
    for text in STRANGE:
        await _in_the_call(
            server,
            partial(server.say, "Ann", text),
            partial(server.answer, text),
            partial(server.say, "Ann", text, final=False),
            partial(server.show, key=text or "key"),
            partial(server.warn, text),
            partial(server.show, url="http://127.0.0.1/x.png"),
        )


async def no_channel_from_the_start(server: PlayedServer) -> None:
    """Take the text channel away before anything was said in it."""
    server.bot.channels.clear()
    if await server.start():
        await _everything(server)


async def no_channel(server: PlayedServer) -> None:
    """Delete the text channel in mid-call."""
    if await server.start():
        server.bot.channels.clear()
        await _everything(server)


async def nobody_known(server: PlayedServer) -> None:
    """Let Discord not tell the bot who its members are."""
    if await server.start():
        server.guild.people.clear()
        await _everything(server)


async def killed_in_mid_call(server: PlayedServer) -> None:
    """Give it the receipt of a call that another run of the bot began."""
    await server.start()
    if server.call is not None:
        dispatcher = server.bot.plugins.dispatcher
        call, server.call = server.call, None
        await dispatcher.finished(call)
        server.call = type(call)(f"{call.id}-of-before", call.config, call.request, elapsed=90.0)
        await server.end()


async def reloaded_in_mid_call(server: PlayedServer) -> None:
    """Reload it in mid-call: the running call keeps the instance it began with; the next one has the new."""
    live = await server.start()
    before = server.plugin
    await server.reload()
    if server.plugin is before:
        raise AssertionError("it is the same instance after a reload")
    if live:
        await _everything(server)
        await server.end()
    if await server.start():
        await _everything(server)


async def discord_says_no(server: PlayedServer) -> None:
    """Take the bot's permissions away; it must work again when they are back."""
    if not await server.start():
        return
    server.text.refusal = refusal(403, "Missing Permissions")
    await _everything(server)
    server.text.refusal = None
    server.bot.plugins.dispatcher.reset_failures(server.name)
    server.failures[:] = [failure for failure in server.failures if not _wanted(failure)]
    await _in_the_call(server, partial(server.say, "Ann", "hello again"))


async def writes_no_more_than_discord_takes(server: PlayedServer) -> None:
    """Count what it posts: beyond five messages in five seconds it comes late, and other plugins' words too."""
    if not await server.start():
        return
    happening: dict[str, Callable[[], Awaitable[object]]] = {
        "a person said something": partial(server.say, "Ann", "Where is the vase?"),
        "the voicebot said something": partial(server.answer, "Here it is."),
        "the voicebot showed a picture": partial(server.show, key="vase", url="https://example.com/vase.png"),
        "a warning": partial(server.warn, "The connection broke."),
        "a notice": partial(server.notice, "It is back."),
        f"{IDLE_SECONDS:.0f} s in which nothing happened": partial(asyncio.sleep, IDLE_SECONDS),
    }
    for what, event in happening.items():
        if server.call is None:
            return
        before = server.text.writes
        await event()
        most = MAX_WRITES if "nothing" not in what else round(IDLE_SECONDS)
        if (count := server.text.writes - before) > most:
            raise AssertionError(f"{count} messages posted or edited after {what}: Discord takes five in five seconds")


async def connects(server: PlayedServer) -> None:
    """Check that a provider of voicebots offers what the core asks for, understands no nonsense, and says in the core's
    words when there is no network."""
    connect = type(server.plugin).connect
    if connect is None:
        return
    with mock.patch.dict(os.environ, {NOWHERE.key_name: "a-key"}):
        client = connect(server.plugin.settings(server.guild.id), Network.of(NetworkSettings()), NOWHERE)
        if lacking := [name for name in _offered() if not hasattr(client, name)]:
            raise AssertionError(f"what connect gives has no {', '.join(lacking)}; see bot/provider.py")
        for payload in NONSENSE:
            try:
                list(client.read_packet(payload))
            except Exception as error:
                raise AssertionError(f"read_packet raises {type(error).__name__} for {payload[:20]!r}") from error
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "open_session": partial(client.open_session, "voicebot", "participant"),
            "end_session": partial(client.end_session, "reference"),
            "image_library": partial(client.image_library, "voicebot"),
            "messages": partial(client.messages, "reference"),
        }
        for name, ask in asked.items():
            try:
                await ask()
            except ProviderError:
                continue
            except Exception as error:
                raise AssertionError(f"{name} raises {type(error).__name__}, which is no ProviderError") from error
            raise AssertionError(f"{name} says that all is well, without a network")
        await client.close()


def _offered() -> list[str]:
    """Return the names of what a provider has."""
    return [name for name in {**vars(Provider), **Provider.__annotations__} if not name.startswith("_")]


async def commands(server: PlayedServer) -> None:
    """Run each slash command, with the options it must have and with all, in a call and without one."""
    for live in (False, True):
        if live and not await server.start():
            return
        for command in interaction.commands_below(server.bot.tree):
            options = interaction.samples(command, server.person("Ann"), server.text)
            if options is None:
                continue
            needed = {item.display_name: options[item.display_name] for item in command.parameters if item.required}
            for chosen in (needed, options):
                await server.command(command.qualified_name, **chosen)


async def words_in_every_language(server: PlayedServer) -> None:
    """Check that its catalogues can be read, and that translations have no names that their sentences do not have."""
    if found := language.faults(server.folder):
        raise AssertionError("\n".join(found))


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        twice,
        loaded_twice,
        raises_in_every_hook,
        hangs_in_every_hook,
        fails_before_the_call,
        fails_when_unloaded,
        strange_words,
        no_channel_from_the_start,
        no_channel,
        nobody_known,
        killed_in_mid_call,
        reloaded_in_mid_call,
        discord_says_no,
        writes_no_more_than_discord_takes,
        commands,
        connects,
        words_in_every_language,
    )
}


async def run(folder: Path, check: Check, settings: Mapping[str, Any] | None = None) -> list[str]:
    """Run one check; return what is wrong, empty when nothing is."""
    before, threads = set(asyncio.all_tasks()), set(threading.enumerate())
    try:
        server = await PlayedServer.open(folder, settings)
    except ParleyError as error:
        return [str(error)]
    found: list[str] = []
    with BlockWatch(folder) as watch:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await check(server)
        except TimeoutError:
            found.append(f"it took longer than {CHECK_TIMEOUT:.0f} s")
        except (AssertionError, ParleyError) as error:
            found.append(str(error))
        with contextlib.suppress(ParleyError):
            await server.close()
    found += [
        f"{place} keeps the event loop busy for more than {MAX_BUSY} s at a time, and everything else waits for it; "
        "use `await asyncio.to_thread(...)`"
        for place in sorted(set(watch.found))
    ]
    await asyncio.sleep(0)  # tasks that were cancelled come to their end
    if listening := sorted(event for event, methods in server.bot.extra_events.items() if methods):
        found.append(f"listeners are left when it is unloaded: {', '.join(listening)}; use commands.Cog.listener")
    if server.refused is not None and len(server.refused) > MESSAGE_LIMIT:
        found.append(f"on_call_starting refuses with more than {MESSAGE_LIMIT} characters, which no message holds")
    left = [task.get_name() for task in asyncio.all_tasks() - before if not task.done()]
    if left:
        found.append(f"tasks are left when it is unloaded: {', '.join(sorted(left))}; use self.tasks.create")
    if running := await _threads_left(threads):
        found.append(f"threads are left when it is unloaded: {', '.join(running)}; end them in on_unload")
    return [*(failure for failure in server.failures if WANTED_FAILURE not in failure), *found]


async def _threads_left(before: set[threading.Thread]) -> list[str]:
    """Return the names of those that were begun and go on. Those of `asyncio.to_thread` are the event loop's own."""
    for _ in range(10):
        left = sorted(
            thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio_")
        )
        if not left:
            return []
        await asyncio.sleep(THREAD_GRACE / 10)
    return left


async def _fails(*_: Any) -> None:
    raise ConnectionError(WANTED_FAILURE)


async def _hangs(*_: Any) -> None:
    await asyncio.sleep(3600)


async def _without_each_hook(
    server: PlayedServer, instead: Callable[..., Awaitable[None]], *, hook_timeout: float | None = None
) -> None:
    """Play a call without each hook, and then one with all of them, which have their usual time again."""
    dispatcher = server.bot.plugins.dispatcher
    usual = dispatcher.hook_timeout
    for hook in HOOKS:
        if hook not in vars(type(server.plugin)):
            continue
        setattr(server.plugin, hook, instead)
        dispatcher.hook_timeout = usual if hook_timeout is None else hook_timeout
        if await server.start():
            await _everything(server)
            await server.end()
        delattr(server.plugin, hook)
        dispatcher.hook_timeout = usual
        server.failures[:] = [failure for failure in server.failures if not _wanted(failure)]
        server.bot.plugins.dispatcher.reset_failures(server.name)
    if await server.start():
        await _everything(server)


def _wanted(failure: str) -> bool:
    """Whether it says no more than what the check itself has done."""
    return any(sign in failure for sign in ("Discord refused", WANTED_FAILURE, "took too long", "is paused on"))


async def _everything(server: PlayedServer) -> None:
    """All that can happen in a call."""
    await _in_the_call(
        server,
        partial(server.say, "Ann", "Where is the vase?"),
        partial(server.answer, "Here it is."),
        partial(server.show, key="vase", url="https://example.com/vase.png"),
        partial(server.advance, 61),
        partial(server.warn, "The connection broke."),
        partial(server.notice, "It is back."),
        server.move,
        server.hand_over,
    )


async def _in_the_call(server: PlayedServer, *events: Callable[[], Awaitable[None]]) -> None:
    """One after the other, until the plugin ends the call."""
    for event in events:
        if server.call is not None:
            await event()
