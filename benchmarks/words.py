"""Words that survive a bad line, both ways, beside a bridge made of straw in the same run.

Real Opus and the bridge's own classes on a simulated line: time is a number, so that three seeds of every line take
minutes. The straw man is what most bots do: towards the voicebot decode each packet as it comes and play what is there,
towards people send each frame as it comes, without in-band FEC. Both ways of the voicebot's words end in the same
listener, a client with a jitter buffer, since what people listen with is not ours.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bot.bridge import FRAME_SAMPLES, Frame
from bot.bridge.mixer import Mixer
from bot.bridge.playout import Playout
from bot.bridge.speaker import Speaker
from bot.voice.opus import Decoder, Encoder
from sandbox.people.line import Line
from sandbox.people.speech import recognise, speak
from sandbox.people.words import word_error_rate

from .table import Row

FRAME = 0.02
SEEDS = (1, 2, 3)
#: A burst takes a word with it or a pause: with few of them the figures would be those of luck.
BURST_SEEDS = tuple(range(1, 13))
PAUSE = np.zeros(round(0.7 * 48_000), np.int16)
ANN = [
    "When does the museum open tomorrow?",
    "How much is a ticket for my family?",
    "Could you tell me about the famous painting?",
    "My daughter would like to see the old bones.",
    "What time does the gallery close on Sunday?",
    "Do children have to pay for the entrance?",
]
BOB = [
    "Is there a cafe where we can have lunch?",
    "Please show me the way to the elevator.",
    "We left our coats in the car this morning.",
    "The bus to the harbor stops in front of the gate.",
    "I would like to buy a book about old ships.",
    "Can we take pictures in the big hall?",
]

LINES = {
    "clean": Line(),
    "1 % loss": Line(loss=0.01),
    "3 % loss": Line(loss=0.03),
    "5 % loss": Line(loss=0.05),
    "10 % loss": Line(loss=0.10),
    "bursts of 200 ms": Line(loss=0.005, burst=0.2),
    "40 ms jitter": Line(jitter=0.04),
    "80 ms jitter": Line(jitter=0.08),
    "5 % loss and 40 ms jitter": Line(loss=0.05, jitter=0.04),
    "20 % out of order": Line(reorder=0.2),
}


BACK = ("5 % loss", "10 % loss", "bursts of 200 ms", "40 ms jitter", "20 % out of order")


@dataclass(slots=True)
class _Said:
    """One person's sound and the sentences in it."""

    sentences: list[str]
    samples: Frame


class Straw:
    """No jitter buffer, no order, no concealment: a queue of decoded frames per person."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._queue: deque[Frame] = deque()

    def push(self, ssrc: int, timestamp: int, payload: bytes, now: float) -> None:
        self._queue.append(self._decoder.decode(payload))

    def next_frame(self, now: float, alone: bool = True) -> Frame | None:
        return self._queue.popleft() if self._queue else None


Bridge = Callable[[], "Speaker | Straw"]


def bridge() -> Speaker:
    """One speaker as a call has it by default."""
    return Speaker(Decoder(), least=0.04, most=0.1, balance=True)


async def run() -> list[Row]:
    """A row per line, per direction."""
    return await asyncio.to_thread(_all)


def _all() -> list[Row]:
    ann, bob, everything = _say(ANN), _say(BOB), _say(ANN + BOB)
    direct = _wrong([everything], bridge, Line(), seeds=(1,))
    rows = []
    for name, line in LINES.items():
        ours, straw = _wrong([everything], bridge, line), _wrong([everything], Straw, line)
        rows.append(_row(f"People's words, {name}", ours, straw, direct, _budget(name)))
    quiet = replace(bob, samples=(bob.samples // 16).astype(np.int16))
    hushed = replace(ann, samples=(ann.samples // 10).astype(np.int16))
    beside = replace(bob, sentences=[], samples=(bob.samples * 0.3).astype(np.int16))
    jittery = Line(jitter=0.02)
    crowds = {  # all open their microphones at once but in the last one: whose words count, and who is beside
        "an open microphone beside": ([ann, _hiss(ann, 100)], [ann]),
        "someone quiet beside a fan at an open microphone": ([hushed, _hiss(ann, 300)], [ann]),
        "someone 10 dB softer talking at the same time": ([ann, beside], [ann, beside]),
        "taking turns with someone 24 dB louder": (_in_turns([quiet, ann]), _in_turns([bob, ann])),
    }
    for name, (people, ideal) in crowds.items():
        ours, straw = _wrong(people, bridge, jittery), _wrong(people, Straw, jittery)
        rows.append(_row(f"People's words, {name}", ours, straw, _wrong_mixed(ideal), 0.98))
    for name in BACK:
        line = LINES[name]
        ours, straw = _wrong_back(everything, line, straw=False), _wrong_back(everything, line, straw=True)
        rows.append(_row(f"The voicebot's words, {name}", ours, straw, direct, _budget(name)))
    return rows


def _budget(name: str) -> float:
    """The share of the words of a clean line that must be left."""
    return {"10 % loss": 0.9, "bursts of 200 ms": 0.9}.get(name, 0.98)


def _row(what: str, ours: float, straw: float, clean: float, budget: float) -> Row:
    kept = (1 - ours) / (1 - clean)
    return Row(
        what,
        f"{100 * (1 - ours):.1f} % right",
        f"straw man {100 * (1 - straw):.1f} %; clean line {100 * (1 - clean):.1f} %",
        f"{kept:.3f} of a clean line",
        f"≥ {budget}",
        kept >= budget,
    )


def _say(sentences: list[str]) -> _Said:
    parts = [part for sentence in sentences for part in (speak(sentence), PAUSE)]
    return _Said(sentences, np.concatenate(parts))


def _hiss(beside: _Said, loudness: float) -> _Said:
    """Somebody who says nothing into an open microphone: noise, by its root mean square; 100 is -50 dB, 300 is -41."""
    noise = np.random.default_rng(5).normal(0, loudness, len(beside.samples))
    return _Said([], noise.astype(np.int16))


def _in_turns(people: list[_Said]) -> list[_Said]:
    """One after the other; nobody's sentences are in another's."""
    total = sum(len(person.samples) for person in people)
    placed, at = [], 0
    for person in people:
        samples = np.zeros(total, np.int16)
        samples[at : at + len(person.samples)] = person.samples
        placed.append(_Said(person.sentences, samples))
        at += len(person.samples)
    return placed


def _wrong(
    people: list[_Said],
    make: Bridge,
    line: Line,
    *,
    seeds: tuple[int, ...] | None = None,
) -> float:
    """The word error rate over all seeds."""
    seeds = _seeds(line) if seeds is None else seeds
    said = " ".join(sentence for person in people for sentence in person.sentences)
    heard = [_understood(_carry(people, make, replace(line, seed=seed))) for seed in seeds]
    return word_error_rate([said] * len(seeds), heard)


def _wrong_mixed(people: list[_Said]) -> float:
    """The word error rate where nothing is between people and recogniser but a sum."""
    length = max(len(person.samples) for person in people)
    total = sum(np.pad(person.samples, (0, length - len(person.samples))).astype(np.int32) for person in people)
    said = " ".join(sentence for person in people for sentence in person.sentences)
    return word_error_rate([said], [_understood(np.clip(np.asarray(total), -32_768, 32_767).astype(np.int16))])


def _wrong_back(voicebot: _Said, line: Line, *, straw: bool) -> float:
    """The word error rate at a person's ear, of frames that come from the room in bunches."""
    said = " ".join(voicebot.sentences)
    seeds = _seeds(line)
    heard = [_understood(_carry_back(voicebot.samples, replace(line, seed=seed), straw=straw)) for seed in seeds]
    return word_error_rate([said] * len(seeds), heard)


def _seeds(line: Line) -> tuple[int, ...]:
    return BURST_SEEDS if line.burst else SEEDS


def _understood(heard: Frame) -> str:
    return " ".join(recognise(part) for part in _parts(heard))


def _parts(samples: Frame) -> list[Frame]:
    """Half a minute each, which is what the recogniser takes at once, cut where it is quietest."""
    limit = 20 * 48_000
    parts = []
    while len(samples) > limit:
        levels = np.abs(samples[limit // 2 : limit].astype(np.int32)).reshape(-1, 9600).sum(axis=1)
        cut = limit // 2 + int(np.argmin(levels)) * 9600 + 4800
        parts.append(samples[:cut])
        samples = samples[cut:]
    return [*parts, samples]


def _carry(people: list[_Said], make: Bridge, line: Line) -> Frame:
    """What the voicebot hears of people on lines of this kind."""
    arrivals: list[tuple[float, int, int, int, bytes]] = []  # (time, order, person, timestamp, packet)
    for number, person in enumerate(people):
        encoder = Encoder()
        own = replace(line, seed=line.seed + 100 * number)
        for index in range(len(person.samples) // FRAME_SAMPLES):
            frame = person.samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            packet = encoder.encode(np.ascontiguousarray(frame))
            if not frame.any():
                continue  # a client sends nothing while nobody speaks
            for late in own.departures(index * FRAME):
                heapq.heappush(arrivals, (index * FRAME + late, len(arrivals), number, index * FRAME_SAMPLES, packet))
    bridges, mixer = [make() for _ in people], Mixer()
    ticks = max(len(person.samples) for person in people) // FRAME_SAMPLES + 60
    heard = np.zeros(ticks * FRAME_SAMPLES, np.int16)
    for tick in range(ticks):
        now = tick * FRAME + 0.006
        while arrivals and arrivals[0][0] <= now:
            at, _, number, timestamp, packet = heapq.heappop(arrivals)
            bridges[number].push(number, timestamp, packet, at)
        talking = [one for one in bridges if isinstance(one, Speaker) and one.activity.speaking]
        coming = (one.next_frame(now, alone=all(other is one for other in talking)) for one in bridges)
        frames = [sound for sound in coming if sound is not None]
        if frames:
            heard[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES] = mixer.mix(frames)
    return heard


def _carry_back(samples: Frame, line: Line, *, straw: bool) -> Frame:
    """What somebody's client plays of the voicebot: room, playout, encoder, line, and a listener."""
    room = Line(jitter=0.03, seed=line.seed + 7)
    coming = [
        (index * FRAME + room.departures(index * FRAME)[0], index) for index in range(len(samples) // FRAME_SAMPLES)
    ]
    for index in range(1, len(coming)):  # a WebRTC client never hands out frames in the wrong order
        coming[index] = max(coming[index][0], coming[index - 1][0]), index
    waiting: deque[tuple[float, int]] = deque(coming)
    playout, straight = Playout(), deque[Frame]()
    encoder = Encoder(expected_loss=0) if straw else Encoder()
    listener = Speaker(Decoder(), least=0.06, most=0.2)
    arrivals: list[tuple[float, int, int, bytes]] = []
    ticks = len(samples) // FRAME_SAMPLES + 80
    heard = np.zeros(ticks * FRAME_SAMPLES, np.int16)
    for tick in range(ticks):
        now = tick * FRAME + 0.006
        while waiting and waiting[0][0] <= now:
            _, index = waiting.popleft()
            frame = np.ascontiguousarray(samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES])
            straight.append(frame)
            playout.push(frame)
        sent = (straight.popleft() if straight else None) if straw else playout.pop()
        if sent is not None:
            packet = encoder.encode(np.ascontiguousarray(sent))
            for late in line.departures(now):
                heapq.heappush(arrivals, (now + late, len(arrivals) + tick, tick * FRAME_SAMPLES, packet))
        while arrivals and arrivals[0][0] <= now:
            at, _, timestamp, packet = heapq.heappop(arrivals)
            listener.push(1, timestamp, packet, at)
        played = listener.next_frame(now)
        if played is not None:
            heard[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES] = played
    return heard
