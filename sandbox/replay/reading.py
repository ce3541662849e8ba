"""From a flight record to what happened in its call. Pure.

A record holds pseudonyms, sampled packets and the order of messages; what it does not hold (words, keys, how many bytes
of padding) is of the player's choice.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from sandbox.discord.voice.server import DISCONNECTED, SESSION_INVALID
from sandbox.discord.voice.transport import MODES, PAYLOAD_TYPE_OPUS, RETRANSMISSION

from .scenario import ChangesSender, ChangesServer, Closes, Ends, Joins, Leaves, Scenario, Sends, Speaks, Step

Entry = dict[str, Any]

#: The voice server crashed; a connection that just breaks is played as this.
CRASHED = 4015
#: Opcodes that the stand-in sends by itself, as the documentation has them.
EXPLAINED = {2, 4, 5, 6, 8, 9, 11, 12, 13, 21, 22, 24, 25, 27, 29, 30}
#: What the stand-in sends by itself, by opcode; other fields that were recorded are sent as they stand there.
SENT = {
    2: {"ssrc", "ip", "port", "modes", "experiments"},
    4: {"mode", "secret_key", "dave_protocol_version"},
    5: {"user_id", "ssrc", "speaking"},
    9: set[str](),
    11: {"user_ids"},
    13: {"user_id"},
    21: {"transition_id", "protocol_version"},
    22: {"transition_id"},
    24: {"epoch", "protocol_version"},
}
#: Reasons of ends that follow from what else is played.
ENDS_BY_ITSELF = frozenset({"NOT_STARTED", "EMPTY", "VOICE_LOST", "NOBODY_HEARD", "SEAT_TAKEN"})
#: Seconds that a message takes at most where nothing delays it, between two things that came by different ways at the
#: same time, and between two packets of one thing said.
PROMPT, MOMENT, BURST_GAP = 0.25, 0.1, 1.6
FRAME = 0.02
#: Seconds between somebody's coming back and their first word.
COME_BACK = 0.5
#: Packets by whose sizes speech is told from what only looks like it.
MIN_PACKETS = 5
#: Steps of one call; a record of two megabytes has some ten thousand entries.
MAX_STEPS = 2000
#: Seconds of a call that are played; what comes later is left out.
MAX_LENGTH = 4 * 3600.0


def scenario_of(entries: Iterable[Entry]) -> Scenario:
    """Return what happened in a recorded call; ValueError when it never reached a voice server."""
    return _Reading([entry for entry in entries if 0 <= entry.get("t", 0.0) <= MAX_LENGTH]).scenario()


class _Reading:
    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._described = next((e["t"] for e in self._messages(4)), None)
        self._live = next((e["t"] for e in self._of("state") if e.get("state") == "LIVE"), None)
        self._ending = next((e["t"] for e in self._of("state") if e.get("state") == "ENDING"), self._last)
        self._owners = self._find_owners()
        self._sound = self._find_sound()

    @property
    def _last(self) -> float:
        return float(self._entries[-1]["t"]) if self._entries else 0.0

    def scenario(self) -> Scenario:
        if not self._of("gateway"):
            raise ValueError("the record has no message of a voice server, so there is nothing to play")
        present = self._present()
        steps = sorted(self._steps(present), key=lambda step: step.at)[:MAX_STEPS]
        return Scenario(
            present, self._behaviour(present), self._hello(), self._is_encrypted(), tuple(steps), self._ending
        )

    # -- looking things up ----------------------------------------------------------------------------------------

    def _of(self, *kinds: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.get("kind") in kinds]

    def _messages(self, *ops: int, direction: str = "in") -> list[Entry]:
        found = [e for e in self._of("gateway") if e.get("direction") == direction]
        return [entry for entry in found if not ops or entry.get("op") in ops]

    def _find_owners(self) -> dict[str, tuple[str, float]]:
        """Return by SSRC whose it is, and when that was told."""
        owners: dict[str, tuple[str, float]] = {}
        for entry in self._messages(5, 12):
            body = _body(entry)
            ssrc = body.get("ssrc") or body.get("audio_ssrc")
            if ssrc and body.get("user_id"):
                owners.setdefault(str(ssrc), (str(body["user_id"]), entry["t"]))
        return owners

    def _find_sound(self) -> dict[str, list[Entry]]:
        """Return the sampled packets of people's sound, by SSRC."""
        found: dict[str, list[Entry]] = {}
        for entry in self._of("packet"):
            if entry.get("direction") == "in" and entry.get("type") == PAYLOAD_TYPE_OPUS and entry.get("ssrc"):
                found.setdefault(str(entry["ssrc"]), []).append(entry)
        return {ssrc: packets for ssrc, packets in found.items() if ssrc in self._owners or _is_speech(packets)}

    # -- who is there ---------------------------------------------------------------------------------------------

    def _joins(self) -> list[tuple[float, str]]:
        """Return when each is told to be there for the first time, or again after leaving."""
        here: set[str] = set()
        found: list[tuple[float, str]] = []
        for entry in self._messages(5, 11, 12, 13):
            body = _body(entry)
            if entry["op"] == 13:
                here.discard(str(body.get("user_id")))
                continue
            users = body.get("user_ids") or [body.get("user_id")]
            for user in map(str, users):
                if user not in here and user != "None":
                    here.add(user)
                    found.append((entry["t"], user))
        return found

    def _present(self) -> tuple[str, ...]:
        """Return who was there before the bot: who was told of at once, or never. There is always somebody."""
        told_at_once = (self._described or 0.0) + PROMPT
        present = [user for at, user in self._joins() if at <= told_at_once]
        silent = [f"owner of {ssrc}" for ssrc in self._sound if ssrc not in self._owners]
        if not self._messages(11) and not present:
            present = [user for _, user in self._joins()[:1]]
        return tuple(dict.fromkeys([*present, *self._unowned_by(present, silent)])) or ("somebody",)

    def _unowned_by(self, present: list[str], silent: list[str]) -> list[str]:
        """Return those who have to be invented for SSRCs that were never introduced: some are those who were told of
        and have no SSRC."""
        owners = {user for user, _ in self._owners.values()}
        without = [user for user in present if user not in owners]
        return silent[len(without) :]

    def _speaker(self, ssrc: str, present: tuple[str, ...]) -> str:
        if ssrc in self._owners:
            return self._owners[ssrc][0]
        owners = {user for user, _ in self._owners.values()}
        without = [user for user in present if user not in owners] or list(present)
        unowned = [one for one in self._sound if one not in self._owners]
        return without[unowned.index(ssrc) % len(without)]

    # -- what happens ---------------------------------------------------------------------------------------------

    def _steps(self, present: tuple[str, ...]) -> Iterator[Step]:
        came = dict.fromkeys(present, 0.0)
        for at, user in self._joins():
            if user not in came:
                came[user] = at
                yield Joins(at, user)
        yield from self._leavings()
        for ssrc, packets in self._sound.items():
            yield from _spoken(packets, self._speaker(ssrc, present))
        for entry in self._messages():
            if entry.get("op") not in EXPLAINED and "d" in entry:
                yield Sends(entry["t"], int(entry["op"]), _body(entry))
        yield from self._breaks()
        for entry in self._messages(25)[1:]:
            if not any(0 <= entry["t"] - e["t"] < 2 for e in self._messages(4)):
                yield ChangesSender(entry["t"])
        yield from self._end()

    def _leavings(self) -> Iterator[Step]:
        """Yield who leaves, and comes back."""
        gone: dict[str, float] = {}
        late = self._late_goodbyes()
        for entry in self._messages(5, 11, 13):
            body, at = _body(entry), entry["t"]
            if at > self._ending:
                return
            if at in late:
                yield Leaves(late[at] - COME_BACK, str(body.get("user_id")))
                yield Joins(late[at] - COME_BACK, str(body.get("user_id")))
                continue
            for user in map(str, body.get("user_ids") or [body.get("user_id")]):
                if entry["op"] == 13:
                    gone[user] = at
                    yield Leaves(at, user)
                elif user in gone:
                    del gone[user]
                    yield Joins(at, user)

    def _late_goodbyes(self) -> dict[float, float]:
        """Return when opcode 13 came of somebody who had come back before, and when that was."""
        found: dict[float, float] = {}
        for entry in self._messages(13):
            user, at = str(_body(entry).get("user_id")), entry["t"]
            told = sorted(when for owner, when in self._owners.values() if owner == user and when < at)
            spoke_later = any(
                self._owners.get(s, ("", 0))[0] == user and p[-1]["t"] > at for s, p in self._sound.items()
            )
            if len(told) > 1 and spoke_later:
                found[at] = told[-1]
        return found

    def _breaks(self) -> Iterator[Step]:
        """Yield what was closed in mid-call, or replaced."""
        changes = [e["t"] for e in self._of("event") if e.get("event") == "ServerChanged" and e["t"] < self._ending]
        yield from (ChangesServer(at) for at in changes)
        for entry in self._of("gateway closed"):
            at, code = entry["t"], entry.get("code")
            if self._described is None or not self._described < at < self._ending:
                continue
            if code in (DISCONNECTED, None) and any(abs(at - change) < 3 for change in changes):
                continue  # with the server that was replaced
            if self._is_answer_to_resume(entry):
                continue
            if code == DISCONNECTED and self._is_joining(at):
                yield ChangesServer(at)
                continue
            yield Closes(at, code or CRASHED, forgets=code == SESSION_INVALID or self._is_resume_refused(at))

    def _is_joining(self, at: float) -> bool:
        """Whether the bot was only joining, and went on with another voice server."""
        before_live = self._live is None or at < self._live
        return before_live and any(entry["t"] > at for entry in self._messages(0, direction="out"))

    def _is_answer_to_resume(self, closed: Entry) -> bool:
        before = [e for e in self._of("gateway") if e["t"] <= closed["t"] and e.get("op") in (0, 4, 7, 9)]
        return bool(before) and before[-1].get("op") == 7

    def _is_resume_refused(self, at: float) -> bool:
        """Whether the next thing that was tried is a resume, and it was closed again with 4006."""
        tries = [e for e in self._messages(0, 7, direction="out") if e["t"] > at]
        closes = [e for e in self._of("gateway closed") if e["t"] > at]
        return bool(tries and closes) and tries[0]["op"] == 7 and closes[0].get("code") == SESSION_INVALID

    def _end(self) -> Iterator[Step]:
        reason = next((e.get("reason") for e in self._of("state") if e.get("state") == "ENDING"), None)
        if reason == "DISCONNECTED":
            yield Ends(self._ending, "kick")
        elif reason == "MOVED":
            yield Ends(self._ending, "move")
        elif self._live is not None and reason not in ENDS_BY_ITSELF:
            yield Ends(self._ending, "command")

    # -- how the server behaves -----------------------------------------------------------------------------------

    def _behaviour(self, present: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        refused = [
            e.get("code") for e in self._of("gateway closed") if self._described is None or e["t"] < self._described
        ]
        refused = [code for code in refused if code not in (None, 1000)]
        if refused:
            found |= {"refuse_identifies": len(refused), "refuse_with": refused[0]}
        chosen = [e["t"] for e in self._messages(1, direction="out")]
        if self._described is not None and chosen and (delay := self._described - chosen[0]) > PROMPT:
            found["description_delay"] = round(delay, 2)
        found |= self._introductions(present)
        if late := self._late_goodbyes():
            found["late_disconnect"] = round(max(at - back for at, back in late.items()), 2)
        if self._described is not None and not self._messages(11) and present and self._sound:
            found["announces"] = False
        found |= self._dave()
        found |= self._acknowledgements()
        found |= self._packets()
        return found | self._contents()

    # -- what its messages hold -----------------------------------------------------------------------------------

    def _hello(self) -> dict[str, Any]:
        """Return the fields of Hello that are not as documented; by the heartbeat's interval a session can be lost."""
        body = _body(next(iter(self._messages(8)), {}))
        usual = {"v": 8}
        return {key: value for key, value in body.items() if key != "heartbeat_interval" and usual.get(key) != value}

    def _is_encrypted(self) -> bool:
        versions = [_body(entry).get("dave_protocol_version") for entry in self._messages(4)]
        return not versions or versions[0] != 0

    def _contents(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        offered = [tuple(map(str, _body(entry).get("modes") or ())) for entry in self._messages(2)]
        if offered and offered[0] and set(offered[0]) != set(MODES):
            found["modes"] = offered[0]
        fields: dict[int, dict[str, Any]] = {}
        for entry in self._messages(*SENT):
            new = {key: value for key, value in _body(entry).items() if key not in SENT[entry["op"]]}
            if new:
                fields.setdefault(entry["op"], {}).update(new)
        version = next((_body(entry).get("dave_protocol_version") for entry in self._messages(4)), 1)
        if version not in (0, 1):
            fields.setdefault(4, {})["dave_protocol_version"] = version
        return {**found, "fields": fields} if fields else found

    def _introductions(self, present: tuple[str, ...]) -> dict[str, Any]:
        sound = self._sound
        if sound and not any(ssrc in self._owners for ssrc in sound):
            return {"introduces_present": False, "introduces_speakers": False}
        late = [self._owners[ssrc] for ssrc, packets in sound.items() if self._is_late(ssrc, packets)]
        if not late:
            return {}
        # Of who was there before, it is sent with the description; of others, when they begin to speak.
        joined = {user: at for at, user in self._joins() if user not in present}
        since = [told - max(self._described or 0.0, joined.get(user, 0.0)) for user, told in late]
        return {"introduction_delay": round(max(since), 2)}

    def _is_late(self, ssrc: str, packets: list[Entry]) -> bool:
        return ssrc in self._owners and self._owners[ssrc][1] - packets[0]["t"] > MOMENT

    def _dave(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        senders = [e["t"] for e in self._messages(25)]
        if self._described is not None and senders and (delay := senders[0] - self._described) > PROMPT:
            found["dave_delay"] = round(delay, 2)
        binary = [e for e in self._messages() if "bytes" in e]
        twice = sum(
            (a["op"], a["bytes"]) == (b["op"], b["bytes"]) and b["t"] - a["t"] < 0.1 for a, b in pairwise(binary)
        )
        if binary and twice >= len(binary) // 2 > 0:
            found["dave_twice"] = True
        transitions = [int(e["transition_id"]) for e in self._messages(29, 30) if "transition_id" in e]
        if transitions and (transitions[0] == 0 or transitions[0] > 1000):
            found["first_transition"] = transitions[0]
        return found

    def _acknowledgements(self) -> dict[str, Any]:
        asked = [e["t"] for e in self._messages(3, direction="out")]
        answered = [e["t"] for e in self._messages(6)]
        waits = [b - a for a, b in zip(asked, answered, strict=False) if b >= a]
        return {"acknowledgement_delay": round(min(waits), 2)} if waits and min(waits) > PROMPT else {}

    def _packets(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        packets = [e for e in self._of("packet") if e.get("direction") == "in"]
        sound = [e for e in packets if e.get("type") == PAYLOAD_TYPE_OPUS]
        types = {int(e["type"]) for e in packets if "type" in e} - {PAYLOAD_TYPE_OPUS}
        noise = {"retransmission" if payload == RETRANSMISSION else "camera" for payload in types}
        if any(e.get("rtp") is False and "rtcp" not in e and e.get("bytes") not in (74, None) for e in packets):
            noise.add("zeros")
        if noise:
            found["noise"] = frozenset(noise)
        if sound and all(e.get("padding") for e in sound):
            found["padding"] = 100
        if sound and not any(e.get("extension") for e in sound):
            found["extension"] = "none"
        return found


def _is_speech(packets: list[Entry]) -> bool:
    """Whether the packets of an SSRC that nobody is said to own may be somebody's: the same size each time is none."""
    return len(packets) < MIN_PACKETS or len({entry.get("bytes") for entry in packets}) > 1


def _spoken(packets: list[Entry], who: str) -> Iterator[Speaks]:
    """Yield what somebody said, from the sampled packets of their SSRC: what is close together is one thing."""
    begin, end, count = packets[0]["t"], packets[0]["t"], 1
    for entry in packets[1:]:
        if entry["t"] - end > BURST_GAP:
            yield Speaks(begin, who, round(count * FRAME, 2))
            begin, count = entry["t"], 0
        end = entry["t"]
        count += 1 + int(entry.get("skipped") or 0)
    yield Speaks(begin, who, round(count * FRAME, 2))


def _body(entry: Entry) -> Entry:
    body = entry.get("d")
    return body if isinstance(body, dict) else {}
