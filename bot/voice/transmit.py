"""Sending the bot's sound on time and in order: SPEAKING before the first datagram of a burst, silence after the last.

Lives on the media loop; `send` makes the datagrams, `udp` takes them.
"""

import asyncio
from collections.abc import Callable

from .opus import Pcm
from .send import Sender
from .udp import VoiceSocket

#: Silence frames sent once there are keys, to open the network path: some networks block incoming packets until
#: something was sent.
OPENING_FRAMES = 5


class Transmitter:
    """Sends through `socket` under `ssrc`, which its owner sets."""

    def __init__(self, sender: Sender, send_speaking: Callable[[bool], None]) -> None:
        """`send_speaking` tells the voice server that the bot has started or stopped speaking (opcode 5). It may do so
        in a separate task."""
        self.sender = sender
        self.socket: VoiceSocket | None = None
        self.ssrc = 0  # of the bot
        self._send_speaking = send_speaking
        self._speaking = False
        self._behind_speaking: list[bytes] = []  # datagrams, until SPEAKING is on its way
        self.path_opened = False  # or being opened

    def send_frame(self, pcm: Pcm, tick: int) -> None:
        """Send 20 ms of speech at a tick."""
        datagram = self.sender.frame(pcm, tick)
        if datagram is not None:
            self._send_spoken(datagram)

    def send_lead_in(self, tick: int) -> None:
        """Send SPEAKING and 20 ms of silence, which reach people before the first syllable of what is about to be
        said."""
        datagram = self.sender.silence(tick)
        if datagram is not None:
            self._send_spoken(datagram)

    def send_pause(self, tick: int) -> None:
        """Send what follows a burst, since there is nothing to say at a tick: it is ended properly, then costs
        nothing."""
        if not self._speaking:
            return
        datagram = self.sender.pause(tick)
        if datagram is not None:
            self._send(datagram)
        if not self.sender.in_burst:
            self._set_speaking(False)

    def forget_speaking(self) -> None:
        """Say SPEAKING anew with the next burst, since the voice server may not know of it any more."""
        self._speaking = False

    async def open_path(self) -> None:
        """Send silence to the voice server, the first time this is called."""
        if self.path_opened:
            return
        self.path_opened = True
        for number in range(OPENING_FRAMES):
            if self._speaking:  # the voicebot does it
                return
            datagram = self.sender.silence(number - OPENING_FRAMES)
            if datagram is not None:
                self._send(datagram)
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Close the socket, if there is one; what is sent afterwards goes nowhere."""
        if self.socket is not None:
            self.socket.close()
        # Both point back at us, and large buffers and the group's keys hang on them: they would wait for the garbage
        # collector.
        self.socket = None
        self._send_speaking = _say_nothing

    def _send_spoken(self, datagram: bytes) -> None:
        if self._behind_speaking:
            self._behind_speaking.append(datagram)
        elif self._speaking:
            self._send(datagram)
        else:
            self._set_speaking(True)
            # SPEAKING is written by a task that is ready before this callback is.
            self._behind_speaking.append(datagram)
            asyncio.get_running_loop().call_soon(self._send_what_waits)

    def _send_what_waits(self) -> None:
        waiting, self._behind_speaking = self._behind_speaking, []
        for datagram in waiting:
            self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self.socket is not None:
            self.socket.send(datagram)

    def _set_speaking(self, speaking: bool) -> None:
        if self._speaking != speaking:
            self._speaking = speaking
            self._send_speaking(speaking)


def _say_nothing(speaking: bool) -> None:
    """Tell nobody, since the connection is closed."""
