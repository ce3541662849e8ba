"""Mutated packets through everything that a datagram passes on its way to a frame: `make fuzz PACKETS=1000000`.

Mutations are made before and behind the encryption: the first kind is authentic and reaches every parser, the second is
what a stranger can send. Nothing may raise, nothing may grow, and a good packet in between must still be heard.
"""

import argparse
import random
import resource
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.bridge.speaker import Speaker
from bot.voice import aead
from bot.voice.dave import DaveSession
from bot.voice.opus import Decoder
from bot.voice.receive import OpusPacket, Receiver
from sandbox.libopus import load_opus
from tests.bot.bridge.lines import vowel_packets
from tests.bot.voice import hostile
from tests.bot.voice.groups import CHANNEL, BotMember, Room

BOT, ANN = 1001, 2002
TICK_EVERY = 2  # packets


@dataclass(slots=True)
class Outcome:
    """What became of the packets."""

    packets: int = 0
    heard: int = 0
    frames: int = 0
    dropped: int = 0
    undecryptable: int = 0
    #: Kilobytes of memory at the end of the first tenth, and at the end.
    memory: tuple[int, int] = (0, 0)
    failures: list[str] = field(default_factory=list)


class Target:
    """The way of a datagram, put together as a call does it, with time as a number."""

    def __init__(self, *, encrypted: bool = False) -> None:
        """`encrypted` end to end: then Ann is a member of the call's DAVE group, else what she sends is bare Opus."""
        dave = DaveSession(BOT, CHANNEL)
        self._ann: DaveSession | None = None
        if encrypted:
            room, bot, ann = Room(), BotMember(BOT, {ANN}), BotMember(ANN, {BOT})
            room.join(bot)
            room.join(ann)
            dave, self._ann = bot.session, ann.session
        else:
            dave.start(0)
        self.receiver = Receiver(dave, self._push)
        self.receiver.use(aead.TransportCipher(aead.XCHACHA20_POLY1305, hostile.KEY))
        self.speakers: dict[int, Speaker] = {}
        self.now = 0.0
        self.heard = 0

    def frame(self, opus: bytes) -> bytes:
        """What Ann sends for an Opus packet."""
        sealed = opus if self._ann is None else self._ann.seal(opus)
        assert sealed is not None
        return sealed

    def receive(self, datagram: bytes) -> None:
        """A datagram arrives."""
        self.receiver.receive(datagram, self.now)

    def _push(self, packet: OpusPacket) -> None:
        self.heard += 1
        speaker = self.speakers.get(packet.user_id)
        if speaker is None:
            speaker = self.speakers[packet.user_id] = Speaker(Decoder(), least=0.04, most=0.1, balance=True)
        speaker.push(packet.ssrc, packet.timestamp, packet.payload, self.now)

    def tick(self) -> int:
        """20 ms pass; how many frames came out."""
        self.now += 0.02
        return sum(speaker.next_frame(self.now) is not None for speaker in self.speakers.values())


class Mutator:
    """Makes datagrams by a seed."""

    def __init__(self, seed: int, frame: Callable[[bytes], bytes]) -> None:
        """`frame` makes of an Opus packet what its sender would send."""
        self._random = random.Random(seed)
        self._frame = frame
        self._corpus = [file.read_bytes() for file in sorted(hostile.FOLDER.glob("*.bin"))]
        self._opus = vowel_packets()
        self._sequence = 0

    def datagram(self) -> bytes:
        """The next one."""
        rng = self._random
        self._sequence += 1
        kind = rng.random()
        if kind < 0.1:
            return self._mutate(rng.choice(self._corpus))
        header = bytearray(hostile.header(sequence=self._sequence & 0xFFFF, timestamp=self._timestamp()))
        body = self._frame(self._opus[self._sequence % len(self._opus)])
        if kind < 0.3:
            return hostile.seal(bytes(header), body, nonce=self._sequence & 0xFFFF_FFFF)
        if kind < 0.6:
            body = self._mutate(body)
        elif kind < 0.8:
            header[rng.choice((0, 0, 2, 3, 4, 5, 6, 7))] ^= 1 << rng.randrange(8)
            header[1] = 0x78
            if header[0] & 0x10:
                header += struct.pack(">HH", 0xBEDE, rng.choice((0, 1, 2, 9, 0xFFFF)))
        else:
            struct.pack_into(">I", header, 8, rng.choice((hostile.SSRC, 8, 9, rng.randrange(1 << 32))))
        sealed = hostile.seal(bytes(header), body, nonce=self._sequence & 0xFFFF_FFFF)
        return self._mutate(sealed) if rng.random() < 0.1 else sealed

    def _timestamp(self) -> int:
        rng = self._random
        jump = rng.choice((0, 0, 0, 0, 0, 960, -960, 48_000, -48_000, 1 << 31)) if rng.random() < 0.05 else 0
        return (self._sequence * 480 + jump) & 0xFFFF_FFFF

    def _mutate(self, data: bytes) -> bytes:
        rng, mutated = self._random, bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            where = rng.randrange(len(mutated) + 1)
            action = rng.random()
            if action < 0.5 and mutated:
                mutated[where % len(mutated)] = rng.randrange(256)
            elif action < 0.7:
                mutated[where:where] = rng.randbytes(rng.randrange(1, 40))
            elif action < 0.9:
                del mutated[where : where + rng.randrange(1, 40)]
            else:
                mutated *= 2
        return bytes(mutated[:65_000])


def run(packets: int, seed: int, *, encrypted: bool = False) -> Outcome:
    """Send so many; stops at the first exception."""
    target, outcome = Target(encrypted=encrypted), Outcome()
    mutator = Mutator(seed, target.frame)
    target.receiver.map_ssrc(hostile.SSRC, ANN, target.now)
    early = 0
    for number in range(packets):
        datagram = mutator.datagram()
        try:
            target.receive(datagram)
            if number % TICK_EVERY == 0:
                outcome.frames += target.tick()
        except Exception as error:
            outcome.failures.append(f"packet {number}: {type(error).__name__}: {error}: {datagram.hex()[:400]}")
            break
        if number == packets // 10:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome.packets, outcome.heard = packets, target.heard
    stats = target.receiver.stats
    outcome.undecryptable = sum(stats.undecryptable.values())
    outcome.dropped = stats.not_rtp + stats.not_authentic + stats.malformed
    outcome.memory = early, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _check_still_hearing(target, outcome)
    return outcome


def _check_still_hearing(target: Target, outcome: Outcome) -> None:
    """Behind all of it, half a second of good packets is heard as such."""
    frames = 0
    for number, packet in enumerate(vowel_packets()[:50]):
        header = hostile.header(sequence=number, timestamp=0x4000_0000 + number * 960)
        target.receive(hostile.seal(header, target.frame(packet), nonce=number + 1))
        frames += target.tick()
    if frames < 40:
        outcome.failures.append(f"only {frames} of 50 frames were heard afterwards")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    load_opus()
    bad = False
    for encrypted in (False, True):
        started = time.monotonic()
        outcome = run(options.packets // 2, options.seed, encrypted=encrypted)
        early, late = outcome.memory
        print(
            f"{outcome.packets} packets {'with' if encrypted else 'without'} DAVE "
            f"in {time.monotonic() - started:.0f} s: {outcome.heard} went to a speaker, {outcome.dropped} dropped, "
            f"{outcome.undecryptable} could not be decrypted, {outcome.frames} frames came out; "
            f"memory at most {early // 1024} MB after a tenth, {late // 1024} MB at the end"
        )
        for failure in outcome.failures:
            print(failure, file=sys.stderr)
        bad = bad or bool(outcome.failures) or late > early * 1.05
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
