"""`parley doctor`: whether this machine can run the bot: every line says what was looked at, and the way out.

Nothing is opened that costs anything, and no secret is printed.
"""

import asyncio
import contextlib
import re
import shutil
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import davey

from bot import secret
from bot.access.voicebots import resolve_voicebot
from bot.billing.ledger.sqlite import SqliteLedger
from bot.call.last_room import recall
from bot.config.load import Config
from bot.errors import KeyRejected, ParleyError, Refused, SecretError, VoicebotNotFound
from bot.network import Network, connector, ignored_proxies
from bot.plugin_host.catalog import Catalog
from bot.plugin_host.providers import Providers
from bot.provider import Provider
from bot.text import redact
from bot.voice import opus
from bot.voice.udp import RECEIVE_BUFFER
from bot.watchdog.heartbeat import is_held, lock_file

API = "https://discord.com/api/v10"
MIN_DISK = 200 << 20  # bytes
#: Seconds by which this clock may differ from Discord's: LiveKit's tokens and days of limits go by it.
MAX_CLOCK_SKEW = 30.0
TIMEOUT = 10.0
#: Servers that are named.
MAX_SERVERS = 25
UNASKED = "the bot's account, its intents and this clock were not checked, since that needs Discord"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, printed as a line."""

    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'BAD '} {self.text}"


def main(config: Config, catalog: Catalog) -> int:
    """Print every finding; 0 when all are good."""
    return asyncio.run(_print(config, catalog))


async def _print(config: Config, catalog: Catalog) -> int:
    bad = 0
    async for line in examine(config, catalog):
        print(line, flush=True)
        bad += not line.good
    print("No problems were found." if not bad else f"{bad} problem{'s' * (bad != 1)} found.")
    return int(bad > 0)


async def examine(config: Config, catalog: Catalog) -> AsyncIterator[Finding]:
    """Look at everything, from this machine outwards."""
    for line in (*_machine(config), *_network(config)):
        yield line
    yield await _ledger(config)
    for problem in (*(problem for found in config.faults.values() for problem in found), *config.warnings):
        yield Finding(False, str(problem))
    for broken in catalog.broken:
        yield Finding(False, str(broken))
    async for line in _discord(config):
        yield line
    async for line in _providers(config, catalog):
        yield line
    yield await _room(config)


def _machine(config: Config) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding((3, 11) <= sys.version_info < (3, 14), f"Python {version} (3.11 to 3.13 is needed)")
    try:
        yield Finding(True, f"{opus.version()}: the voice codec")
    except (OSError, RuntimeError, ParleyError) as error:
        yield Finding(
            False, f"libopus cannot be loaded ({error}): apt install libopus0, or install Parley with its extra `opus`"
        )
    most = davey.DAVE_PROTOCOL_VERSION
    yield Finding(most >= 1, f"DAVE protocol {most}: Discord's end-to-end encryption")
    try:
        free = shutil.disk_usage(config.ledger_file.parent).free
        yield Finding(free > MIN_DISK, f"{free >> 20} MB free for {config.ledger_file} (200 MB or more is wise)")
    except OSError as error:
        yield Finding(False, f"{config.ledger_file.parent}: {error.strerror}; create this folder for the ledger")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("", 0))
            with contextlib.suppress(OSError):
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            holds = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        text = "UDP sockets can be opened (Discord's voice and LiveKit need outgoing UDP)"
        if holds < RECEIVE_BUFFER:
            text += (
                f"; their buffer of {holds >> 10} KiB can overflow when many people speak while the machine is busy: "
                f"on Linux, sysctl -w net.core.rmem_max={RECEIVE_BUFFER} allows a larger one"
            )
        yield Finding(True, text)
    except OSError as error:
        yield Finding(False, f"UDP sockets cannot be opened ({error.strerror}): allow outgoing UDP")


async def _ledger(config: Config) -> Finding:
    if await asyncio.to_thread(is_held, lock_file(config.ledger_file)):
        return Finding(True, f"the ledger {config.ledger_file} is in use by a running bot")
    try:
        ledger = await SqliteLedger.open(config.ledger_file)
    except ParleyError as error:
        return Finding(False, str(error))
    left = [record for record in await ledger.unsettled() if record.must_be_ended]
    await ledger.close()
    if left:
        return Finding(False, f"{len(left)} sessions are still open: `parley sessions end --all` ends them")
    return Finding(True, f"the ledger {config.ledger_file} can be written, and no session is open in it")


async def _discord(config: Config) -> AsyncIterator[Finding]:
    variable = config.host.discord.token_env
    try:
        token = secret.read(variable)
    except SecretError as error:
        yield Finding(False, str(error))
        yield Finding(False, UNASKED)
        return
    if not token:
        yield Finding(False, f"{variable} is not set: discord.com/developers/applications, Bot, Reset Token")
        yield Finding(False, UNASKED)
        return
    headers = {"Authorization": f"Bot {token}", "User-Agent": "DiscordBot (https://parley.invalid, 1)"}
    try:
        async with _http(config, headers) as http:
            asked = time.time()
            async with http.get(f"{API}/users/@me") as answer:
                yield _token(answer.status, await answer.json(content_type=None), variable)
                skew = _skew(answer.headers.get("Date"), asked)
            if skew is not None:
                text = f"this clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Discord's"
                right = abs(skew) <= MAX_CLOCK_SKEW
                yield Finding(right, text if right else f"{text}: set it, for example with NTP")
            else:
                yield Finding(True, "this clock was not compared with Discord's: the answer has no date")
            if answer.status != 200:
                return
            async with http.get(f"{API}/gateway/bot") as answer:
                limits = (await answer.json(content_type=None)).get("session_start_limit", {})
                left = limits.get("remaining", 1)
                hours = limits.get("reset_after", 0) / 3_600_000
                yield Finding(left > 0, f"Discord allows {left} more logins today; new ones come in {hours:.1f} hours")
            async for line in _invitations(config, http):
                yield line
    except (aiohttp.ClientError, OSError, ssl.SSLError, TimeoutError, ValueError) as error:
        reason = str(error) or type(error).__name__
        yield Finding(False, f"Discord cannot be reached ({reason}): check the network, and `network:` in the config")
        yield Finding(False, UNASKED)


async def _invitations(config: Config, http: aiohttp.ClientSession) -> AsyncIterator[Finding]:
    """Which servers the bot is on, and who may invite it to more: calls there are at the operator's cost."""
    async with http.get(f"{API}/users/@me/guilds", params={"limit": "200"}) as answer:
        guilds = await answer.json(content_type=None) if answer.status == 200 else []
    found = [guild for guild in guilds if isinstance(guild, dict)]
    names = ", ".join(f"{redact(str(guild.get('name')), 40)} ({guild.get('id')})" for guild in found[:MAX_SERVERS])
    more = f", and {len(found) - MAX_SERVERS} more" if len(found) > MAX_SERVERS else ""
    yield Finding(True, f"the bot is on {len(found)} server{'s' * (len(found) != 1)}: {names or 'none'}{more}")
    allowed = config.host.servers_allowed
    if allowed is not None:
        yield Finding(True, f"calls begin on the {len(allowed)} servers in `servers_allowed:` only")
        return
    async with http.get(f"{API}/applications/@me") as answer:
        public = answer.status == 200 and bool((await answer.json(content_type=None)).get("bot_public"))
    if public:
        yield Finding(
            True,
            "anybody can invite this bot, and calls are at your cost: switch Public Bot off in the developer "
            "portal, or set `servers_allowed:`",
        )


def _token(status: int, body: Any, variable: str) -> Finding:
    if status == 200 and isinstance(body, dict):
        return Finding(True, f"Discord knows the bot as {body.get('username')}; it needs no privileged intents")
    if status == 401:
        return Finding(False, f"Discord refuses the token in {variable}: reset it in the developer portal")
    return Finding(False, f"Discord answered with status {status}: try again in a minute")


def _skew(date: str | None, asked: float) -> float | None:
    """Return the seconds by which this clock is ahead of whoever sent the date; None when it cannot be told."""
    try:
        return None if date is None else asked - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


async def _providers(config: Config, catalog: Catalog) -> AsyncIterator[Finding]:
    """Each account that some server uses: whether its address answers, takes the key, and knows the voicebots."""
    providers = Providers(lambda: config, catalog.classes, lambda: Network.of(config.host.network))
    used: dict[str, Provider] = {}  # by account, as it is told
    voicebots: dict[str, dict[str, None]] = {}  # the same way: ids, in order
    problems: set[str] = set()
    known = [name for name, plugin in catalog.classes.items() if plugin.connect is not None]
    try:
        for guild_id in (0, *config.host.servers):
            settings = config.server(guild_id)
            whose = f"server {guild_id}" if guild_id else "servers that name no other"
            try:
                provider = providers.of_server(guild_id, settings)
            except KeyRejected as error:
                problems.add(f"{error}: set it, as the README says")
            except ParleyError as error:
                problem = f"{config.file}: the provider {settings.provider!r} of {whose} "
                if settings.provider in known:
                    problems.add(f"{problem}fails: {error}")
                else:
                    problems.add(f"{problem}is not there; there are: {', '.join(known) or 'none'}: see `provider:`")
            else:
                name = f"{provider.title} with the key in {provider.account.key_name}"
                used.setdefault(name, provider)
                with contextlib.suppress(Refused):  # none is set
                    voicebots.setdefault(name, {})[resolve_voicebot(settings, None)] = None
        for problem in sorted(problems):
            yield Finding(False, problem)
        for name, provider in used.items():
            line = await _reaches(name, provider.account.endpoint, config)
            yield line
            if line.good:
                async for line in _knows(name, provider, voicebots.get(name, {})):
                    yield line
    finally:
        await providers.close()


async def _knows(account: str, provider: Provider, voicebots: Iterable[str]) -> AsyncIterator[Finding]:
    """Ask for each voicebot's pictures, which costs nothing and takes the key."""
    for voicebot in voicebots:
        try:
            pictures = await provider.image_library(voicebot)
        except KeyRejected:
            yield Finding(
                False, f"{account}: the key is refused; create one at the provider and set the variable to it"
            )
            return
        except VoicebotNotFound:
            yield Finding(False, f"{account}: there is no voicebot {voicebot!r}; its id stands at the provider")
        except ParleyError as error:
            yield Finding(True, f"{account}: whether it knows voicebot {voicebot!r} could not be asked ({error})")
        else:
            yield Finding(True, f"{account}: the key is taken, and voicebot {voicebot!r} has {len(pictures)} pictures")
    if not voicebots:
        hint = "set `voicebot:`, or let `/voicebot setup` do it"
        yield Finding(True, f"{account}: no voicebot is set yet, so the key was not tried; {hint}")


def _network(config: Config) -> Iterator[Finding]:
    """Check what the settings under `network:` reach."""
    network = config.host.network
    if network.ca_file is not None or network.connect_to:
        yield Finding(
            True,
            "`ca_file` and `connect_to` hold for Discord and the providers; LiveKit's SDK has its own trust and names, "
            "so the room's host must be known to this system",
        )
    if network.proxy is not None:
        beside = "voice and WebRTC need UDP beside it"
        yield Finding(True, f"everything but UDP goes through the proxy {network.proxy}; {beside}")
    for name in ignored_proxies(network):
        yield Finding(network.proxy is not None, f"{name} is ignored: set `network: proxy:` in the config instead")


async def _room(config: Config) -> Finding:
    """LiveKit's address comes with a session, which costs money: what is tried is that of the last call."""
    url = recall(config.ledger_file)
    if url is None:
        return Finding(True, "LiveKit's address is not known before the first call, so it was not tried")
    return await _reaches("LiveKit", re.sub(r"^ws", "http", url), config)


async def _reaches(account: str, endpoint: str, config: Config) -> Finding:
    try:
        async with _http(config) as http, http.get(endpoint) as answer:
            return Finding(True, f"{account}: {endpoint} answers (status {answer.status} to a bare GET)")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        return Finding(False, f"{account}: {endpoint} cannot be reached ({reason}): check the network and `base_url`")


def _http(config: Config, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Make connections as the bot does, but with shorter timeouts."""
    return aiohttp.ClientSession(
        connector=connector(config.host.network),
        proxy=config.host.network.proxy,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        headers=headers,
    )
