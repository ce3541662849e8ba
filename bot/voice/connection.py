"""One voice session, kept alive: handshake, resume, who is in the call, sound in and out.

Runs on the media loop. It resumes a session by itself when the voice server allows that. Whatever needs the main
gateway (a fresh session, a move) is reported through `on_lost` and left to the owner of the connection.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Container, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.errors import VoiceBlocked, VoiceClosed, VoiceError
from bot.language import say
from bot.recorder.events import KeysChanged
from bot.recorder.recorder import NOT_RECORDED, Recorder

from . import aead, dave
from . import gateway as gw
from .close_codes import NOBODY_DECRYPTED, READDRESSED, CloseCode, Remedy, explain
from .gateway import Message, VoiceGateway, VoiceServerInfo
from .opus import Encoder, Pcm
from .receive import OpusPacket, Receiver
from .send import Sender
from .transmit import Transmitter
from .udp import VoiceSocket

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT = 15.0  # seconds
RESUME_ATTEMPTS = 5
#: Seconds without keys while others are there, and between two looks.
KEYS_TIMEOUT, KEYS_CHECK_INTERVAL = 5.0, 1.0
#: Seconds within which resumes are counted: a server that accepts every resume and closes again counts as lost.
RESUME_PERIOD = 60.0


@dataclass(frozen=True, slots=True)
class VoiceListener:
    """What is called, on the media loop, when something happens in a voice session."""

    on_packet: Callable[[OpusPacket], None]
    on_member_left: Callable[[int], None]  # with the user's id
    on_resuming: Callable[[], None]
    on_resumed: Callable[[], None]
    #: The session is over; what can be done about it, and what it means.
    on_lost: Callable[[CloseCode], None]
    #: What came over the wire is reported to it.
    recorder: Recorder = NOT_RECORDED


class VoiceConnection:
    """A session on one voice server; `open` it once, `close` it once."""

    def __init__(
        self,
        server: VoiceServerInfo,
        http: aiohttp.ClientSession,
        *,
        listener: VoiceListener,
        encoder: Encoder,
        may_hear: Callable[[int], bool] = lambda user_id: True,
    ) -> None:
        self.server = server
        self.dave = dave.DaveSession(server.user_id, server.channel_id)
        self.receiver = Receiver(self.dave, listener.on_packet, may_hear)
        self.transmitter = Transmitter(Sender(self.dave, encoder), self._send_speaking)
        self._http = http
        self._listener = listener
        self._members: set[int] = set()
        self._gateway: VoiceGateway | None = None
        self._given_up = False
        self._described = asyncio.Event()  # the session description came
        self._keys_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []  # the reader of the websocket, and what watches the keys
        self._failure: VoiceError | None = None
        self._outgoing: set[asyncio.Task[None]] = set()
        self._resumes: deque[float] = deque(maxlen=RESUME_ATTEMPTS)  # when they were tried of late

    @property
    def sender(self) -> Sender:
        """What makes the datagrams that are sent, and counts them."""
        return self.transmitter.sender

    @property
    def members(self) -> Container[int]:
        """User ids of those who are connected to the voice server, as far as it has told."""
        return self._members

    @property
    def present(self) -> frozenset[int]:
        """User ids of the others who are connected: as the voice server told, and by the keys they have agreed on."""
        return (frozenset(self._members) | self.dave.group) - {self.server.user_id}

    # -- life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Shake hands until sound can flow; VoiceError (VoiceClosed with the code) when that fails.

        Whatever comes of it, the connection is to be closed.
        """
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                self._gateway = await VoiceGateway.open(self._http, self.server, self._listener.recorder)
                await self._gateway.identify(self.server)
                runner = asyncio.create_task(self._run(), name="voice connection")
                self._tasks.append(runner)
                described = asyncio.create_task(self._described.wait(), name="voice handshake")
                try:
                    await asyncio.wait({described, runner}, return_when=asyncio.FIRST_COMPLETED)
                finally:  # also when the time is up, or the caller has changed its mind
                    described.cancel()
        except TimeoutError as error:
            raise VoiceError(
                "voice handshake timed out", for_user=say("Discord's voice server did not answer in time.")
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise VoiceError(
                f"voice server unreachable: {error}", for_user=say("Discord's voice server cannot be reached.")
            ) from error
        if self._failure is not None:
            raise self._failure
        if not self._described.is_set():
            code = self._gateway.close_code
            raise VoiceClosed(code or 1006, explain(code).meaning)
        self._tasks.append(asyncio.create_task(self._watch_keys(), name="voice keys"))

    async def keys_agreed(self, timeout: float) -> None:
        """Wait until DAVE has keys to seal and open with; VoiceBlocked after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not self.dave.ready:
                    self._keys_changed.clear()
                    await self._keys_changed.wait()
        except TimeoutError as error:
            raise VoiceBlocked(
                "no DAVE keys agreed",
                for_user=say(
                    "Discord's end-to-end encryption could not be agreed, so the bot would hear nobody. "
                    "Leave and rejoin the voice channel, then try again."
                ),
            ) from error

    async def close(self) -> None:
        """Stop sending and receiving and end the websocket; safe to call at any time."""
        self.transmitter.close()
        running, self._tasks = self._tasks, []
        await _cancel(running)  # these first: they start some of the others
        await _cancel(list(self._outgoing))
        if self._gateway is not None:
            await self._gateway.close()
        self._gateway = None  # it points back at us, and would wait for the garbage collector

    # -- sound --------------------------------------------------------------------------------------------------

    def send_frame(self, pcm: Pcm, tick: int) -> None:
        """Send 20 ms of speech at a tick; see `Transmitter.send_frame`."""
        self.transmitter.send_frame(pcm, tick)

    def send_lead_in(self, tick: int) -> None:
        """Send what comes before the first syllable; see `Transmitter.send_lead_in`."""
        self.transmitter.send_lead_in(tick)

    def send_pause(self, tick: int) -> None:
        """Send what follows a burst; see `Transmitter.send_pause`."""
        self.transmitter.send_pause(tick)

    def _send_speaking(self, speaking: bool) -> None:
        if self._gateway is not None:
            self._send_soon(self._gateway, gw.SPEAKING, self._speaking_as(gw.MICROPHONE if speaking else 0))

    def _speaking_as(self, bits: int) -> gw.Json:
        return {"speaking": bits, "delay": 0, "ssrc": self.transmitter.ssrc}

    def _send_soon(self, gateway: VoiceGateway, op: int, data: gw.Json | bytes) -> None:
        self._soon(gateway.send(op, data))

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._outgoing.add(task)
        task.add_done_callback(self._outgoing.discard)

    def _on_datagram(self, datagram: bytes) -> None:
        self.receiver.receive(datagram, asyncio.get_running_loop().time())
        if self.dave.needs_recovery(self._members):
            self._renew_keys("frames cannot be decrypted")

    def _on_readdressed(self) -> None:
        """Count the connection as lost: a router gave us another address, and what is sent to the old one does not
        arrive."""
        if self._described.is_set() and not self._given_up:
            self._given_up = True
            self._listener.on_lost(READDRESSED)

    def _renew_keys(self, why: str) -> None:
        """Ask for new DAVE keys, unless that has been in vain too often: then only a fresh session can help."""
        if self._gateway is None or self._given_up:
            return
        if self.dave.beyond_recovery:
            self._given_up = True
            self._listener.on_lost(NOBODY_DECRYPTED)
            return
        log.warning("%s, asking for new DAVE keys", why)
        for reply in self.dave.recover():
            self._send_soon(self._gateway, reply.op, reply.data)

    async def _watch_keys(self) -> None:
        """Keys that do not come are asked for anew: while nobody speaks, nothing else would notice."""
        without = 0
        while True:
            await asyncio.sleep(KEYS_CHECK_INTERVAL)
            without = 0 if self.dave.ready or not self._members else without + 1
            if without * KEYS_CHECK_INTERVAL >= KEYS_TIMEOUT:
                without = 0
                self._renew_keys("no DAVE keys came")

    # -- websocket ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Read until the session is lost; a reader that dies is a session lost, too."""
        try:
            await self._read()
        except Exception as error:
            if isinstance(error, VoiceError):
                log.warning("the voice session failed: %s", error)
            else:
                log.exception("the voice session failed")
            if self._described.is_set():
                self._listener.on_lost(CloseCode(Remedy.FRESH_SESSION, say("The voice connection failed.")))
            else:
                self._failure = (
                    error
                    if isinstance(error, VoiceError)
                    else VoiceError(
                        f"unexpected: {type(error).__name__}",
                        for_user=say("Discord's voice server said something unexpected."),
                    )
                )

    async def _read(self) -> None:
        """Read the websocket, and the next one after a resume."""
        while True:
            gateway = self._gateway
            assert gateway is not None
            async for message in gateway.messages():
                try:
                    await self._handle(gateway, message)
                except (KeyError, TypeError, ValueError):  # one message that is not as documented is no reason to leave
                    if not self._described.is_set():
                        raise
                    log.warning(
                        "voice op %d could not be understood", message.op, exc_info=log.isEnabledFor(logging.DEBUG)
                    )
            verdict = explain(gateway.close_code)
            log.info("voice websocket closed with %s: %s", gateway.close_code, verdict.remedy.name)
            await gateway.close()
            if not self._described.is_set():
                return  # `open` is still waiting and tells its caller
            if verdict.remedy is not Remedy.RESUME or not await self._reopen():
                self._listener.on_lost(verdict)
                return

    async def _reopen(self) -> bool:
        """Open a new websocket for the same session, with back-off; False when the server cannot be reached, or not
        kept."""
        self._listener.on_resuming()
        assert self._gateway is not None
        sequence = self._gateway.sequence
        loop = asyncio.get_running_loop()
        while (attempt := sum(loop.time() - at < RESUME_PERIOD for at in self._resumes)) < RESUME_ATTEMPTS:
            await asyncio.sleep(random.uniform(0, min(0.25 * 2**attempt, 4.0)))
            self._resumes.append(loop.time())
            try:
                async with asyncio.timeout(5):
                    self._gateway = await VoiceGateway.open(self._http, self.server, self._listener.recorder, sequence)
                    await self._gateway.resume(self.server)
                return True
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                log.info("voice resume attempt %d failed: %s", attempt + 1, type(error).__name__)
        return False

    async def _handle(self, gateway: VoiceGateway, message: Message) -> None:
        op, data = message.op, message.data
        if isinstance(data, bytes):
            replies = self.dave.handle_binary(op, data, self._members)
            await gateway.send_all(replies)
            self._look_at_keys()
        elif op in dave.JSON_OPS:
            await gateway.send_all(self.dave.handle_json(op, data))
            self._look_at_keys()
        elif op == gw.READY:
            await self._select_protocol(gateway, data)
        elif op == gw.SESSION_DESCRIPTION:
            await self._describe(gateway, data)
        elif op == gw.RESUMED:
            socket = self.transmitter.socket
            if socket is not None and socket.path_changed():
                raise VoiceError("this machine has another address now")  # a resume mends the websocket alone
            self.transmitter.forget_speaking()
            self._listener.on_resumed()
        else:
            self._roster(op, data)

    async def _select_protocol(self, gateway: VoiceGateway, data: gw.Json) -> None:
        self.transmitter.ssrc = int(data["ssrc"])
        mode = aead.choose_mode(data["modes"])
        socket = await VoiceSocket.open(
            data["ip"], int(data["port"]), self._on_datagram, self._on_readdressed, self._listener.recorder
        )
        self.transmitter.socket = socket
        address, port = await socket.discover(self.transmitter.ssrc)
        choice = {"address": address, "port": port, "mode": mode}
        await gateway.send(gw.SELECT_PROTOCOL, {"protocol": "udp", "data": choice})

    async def _describe(self, gateway: VoiceGateway, data: gw.Json) -> None:
        key = bytes(data["secret_key"])
        self.receiver.use(aead.TransportCipher(data["mode"], key))
        self.transmitter.sender.use(aead.TransportCipher(data["mode"], key), self.transmitter.ssrc)
        # The server takes no sound from an SSRC it was not told of.
        await gateway.send(gw.SPEAKING, self._speaking_as(0))
        await gateway.send_all(self.dave.start(int(data.get("dave_protocol_version", 0))))
        self._look_at_keys()
        self._described.set()

    def _look_at_keys(self) -> None:
        """Check whether there are keys now, after a DAVE message from the voice server."""
        self._keys_changed.set()
        if self._listener.recorder.active:
            keys = self.dave
            self._listener.recorder.note(KeysChanged(keys.version, keys.ready, len(keys.group), keys.recoveries))
        if self.dave.ready and not self.transmitter.path_opened:
            self._soon(self.transmitter.open_path())

    def _roster(self, op: int, data: gw.Json) -> None:
        if op == gw.CLIENTS_CONNECT:
            self._members.update(int(user) for user in data["user_ids"])
        elif op == gw.SPEAKING:
            self._introduce(int(data["user_id"]), int(data["ssrc"]))
        elif op == gw.VIDEO and data.get("audio_ssrc"):
            self._introduce(int(data["user_id"]), int(data["audio_ssrc"]))
        elif op == gw.CLIENT_DISCONNECT:
            user_id = int(data["user_id"])
            self._members.discard(user_id)
            self.receiver.forget_user(user_id)
            self.dave.forget(user_id)
            self._listener.on_member_left(user_id)

    def _introduce(self, user_id: int, ssrc: int) -> None:
        self._members.add(user_id)
        self.receiver.map_ssrc(ssrc, user_id, asyncio.get_running_loop().time())


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
