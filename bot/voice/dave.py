"""DAVE, Discord's end-to-end encryption, from one client's side: keys agreed over the voice gateway, frames sealed.

davey (OpenMLS inside) does the cryptography; this is the protocol around it: which opcode is answered with what, and
what to do when keys do not fit. No I/O: every handler returns the messages to send. Source:
https://daveprotocol.com and https://discord.com/developers/docs/topics/voice-connections#endtoend-encryption-dave-protocol
"""

import contextlib
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import davey

from .proposals import PendingAdds

PREPARE_TRANSITION, EXECUTE_TRANSITION, TRANSITION_READY, PREPARE_EPOCH = 21, 22, 23, 24
EXTERNAL_SENDER, KEY_PACKAGE, PROPOSALS, COMMIT_WELCOME = 25, 26, 27, 28
ANNOUNCE_COMMIT, WELCOME, INVALID_COMMIT_WELCOME = 29, 30, 31

JSON_OPS = frozenset({PREPARE_TRANSITION, EXECUTE_TRANSITION, PREPARE_EPOCH})
SILENCE_FRAME = b"\xf8\xff\xfe"
MAX_PROTOCOL_VERSION: int = davey.DAVE_PROTOCOL_VERSION

#: Undecryptable frames of one speaker in a row before our keys count as lost (0.72 s, as in @discordjs/voice). A
#: decrypted frame from anybody proves that our keys are right and that the other speaker's are wrong. The frames are
#: counted per speaker: five people who talk while a commit is on its way to us send 36 frames in 0.14 s. A speaker who
#: cannot be decrypted with new keys either has wrong keys, and causes no further recovery.
FAILURES_BEFORE_RECOVERY = 36
#: How much a frame counts that came while our keys are still on their way. Others talk on meanwhile, and asking anew
#: would make the Welcome that is under way worthless.
BEFORE_KEYS = 0.075
#: Recoveries that brought no readable frame before only a fresh voice session can help.
MAX_RECOVERIES = 5
#: Unencrypted frames that are still accepted after an upgrade, since they may have been on their way: one second of
#: five people. With a higher limit, anyone who can inject frames, such as the server, could speak in a member's name.
CLEAR_AFTER_UPGRADE = 250
#: What the encrypted frames end with (https://daveprotocol.com, "magic marker").
SEALED = b"\xfa\xfa"


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to send: a JSON body, or the payload of a binary opcode."""

    op: int
    data: dict[str, Any] | bytes


class DaveSession:
    """The keys of one voice session.

    It has more attributes than other classes: each is a step of the protocol that may be pending, and a message of the
    server's changes several.
    """

    def __init__(self, user_id: int, channel_id: int) -> None:
        self._user_id = user_id
        self._channel_id = channel_id
        self._session: davey.DaveSession | None = None
        self._version = 0
        self._agreed = 0  # the version that keys are being agreed for; in force with the transition
        self._clear_left = 0
        self._external_sender: bytes | None = None
        self._adds = PendingAdds()
        self._followed: tuple[int, bytes] | None = None  # the last commit or Welcome that our keys follow
        self._pending: dict[int, int] = {}  # transition id -> protocol version
        self._failures: dict[int, float] = {}  # undecryptable frames in a row since anybody was readable, by user id
        self._asked_for: set[int] = set()  # whose frames made us ask for the keys that are on their way
        self._wrong: set[int] = set()  # who was not readable with new keys either
        self._committed = False  # whether we have committed to a group since the session is new
        self._outdated = 0  # Welcomes that may still come for key packages we have replaced
        self._vain_recoveries = 0
        self._last_transition = 0
        self.recoveries = 0

    @property
    def version(self) -> int:
        """The protocol version in force; 0 means the call is not end-to-end encrypted."""
        return self._version

    @property
    def ready(self) -> bool:
        """Whether frames can be sealed and opened."""
        return self._version == 0 or (self._session is not None and bool(self._session.ready))

    @property
    def privacy_code(self) -> str | None:
        """The code people compare to verify the call (https://daveprotocol.com/#displayable-codes)."""
        return None if self._session is None else self._session.voice_privacy_code

    @property
    def group(self) -> frozenset[int]:
        """User ids of the others whose keys we have."""
        if not self._version or self._session is None or not self._session.ready:
            return frozenset()
        return frozenset(map(int, self._session.get_user_ids())) - {self._user_id}

    def start(self, version: int) -> list[Reply]:
        """Introduce ourselves: the session description named a protocol version."""
        self._version = self._agreed = version
        return self._new_session() if version else []

    def handle_json(self, op: int, data: dict[str, Any]) -> list[Reply]:
        """Handle a JSON opcode from the voice gateway."""
        if op == PREPARE_TRANSITION:
            return self._prepare(int(data["transition_id"]), int(data["protocol_version"]))
        if op == EXECUTE_TRANSITION:
            self._execute(int(data["transition_id"]))
        elif op == PREPARE_EPOCH and int(data["epoch"]) == 1:
            self._agreed = int(data["protocol_version"])
            return self._new_session()
        return []

    def handle_binary(self, op: int, payload: bytes, members: Iterable[int]) -> list[Reply]:
        """Handle a binary opcode; `members` are the users known to be in the call, the only ones who may be added."""
        session = self._session
        if op == EXTERNAL_SENDER:
            self._external_sender = payload  # for a session that is made later, too
        if session is None:
            return []
        if op == EXTERNAL_SENDER:
            with contextlib.suppress(ValueError):  # in a group already, which has one
                session.set_external_sender(payload)
        elif op == PROPOSALS:
            return self._vote(session, payload, members)
        elif op in (ANNOUNCE_COMMIT, WELCOME) and len(payload) >= 2:
            if (op, payload) == self._followed:
                return []  # the same once more
            transition_id = struct.unpack_from(">H", payload)[0]
            try:
                if op == ANNOUNCE_COMMIT:
                    session.process_commit(payload[2:])
                else:
                    session.process_welcome(payload[2:])
            except ValueError:
                return self._unfit(session, op, transition_id)
            self._followed = op, payload
            self._adds.clear()
            self._failures.clear()
            self._wrong |= self._asked_for
            self._asked_for.clear()
            self._outdated = 0
            return self._joined(transition_id)
        return []

    def _unfit(self, session: davey.DaveSession, op: int, transition_id: int) -> list[Reply]:
        """Handle a commit or Welcome that does not fit our keys, except one that was sent before our last recovery."""
        if op == ANNOUNCE_COMMIT and not session.ready and not self._committed:
            return []
        if op == WELCOME and self._outdated:
            self._outdated -= 1
            return []
        return self.recover(transition_id)

    def seal(self, opus: bytes) -> bytes | None:
        """Return one encrypted Opus frame; None while there are no keys to seal it with."""
        if self._version == 0:
            return opus
        if self._session is None or not self._session.ready:
            return None
        return self._session.encrypt_opus(opus)

    def open(self, user_id: int, frame: bytes) -> bytes | None:
        """Return one decrypted Opus frame of `user_id`; None when it cannot be opened (see `needs_recovery`)."""
        if not frame.endswith(SEALED):  # in clear, which says nothing of anybody's keys
            return frame if self._takes_clear(frame) else None
        if self._session is None:
            return None
        try:
            opus = self._session.decrypt(user_id, davey.MediaType.audio, frame)
        except ValueError:
            if self._version == 0:  # it was on its way when the call went over to speak in clear
                return None
            weight = 1 if self._session.ready else BEFORE_KEYS
            self._failures[user_id] = self._failures.get(user_id, 0.0) + weight
            return None
        self._opened(user_id)
        return opus

    def try_open(self, user_id: int, frame: bytes) -> bytes | None:
        """Try to decrypt a frame of an unknown sender with the keys of `user_id`. A failure (None) does not count
        against anybody's keys."""
        if self._session is None or not self._session.ready:
            return None
        try:
            opus = self._session.decrypt(user_id, davey.MediaType.audio, frame)
        except ValueError:
            return None
        self._opened(user_id)
        return opus

    def _opened(self, user_id: int) -> None:
        self._failures.clear()
        self._wrong.discard(user_id)
        self._vain_recoveries = 0

    def forget(self, user_id: int) -> None:
        """Forget somebody who left; they come back with other keys."""
        self._failures.pop(user_id, None)
        self._wrong.discard(user_id)
        self._asked_for.discard(user_id)

    def _takes_clear(self, frame: bytes) -> bool:
        """Whether to accept an unencrypted frame: silence always, other frames only around a change of the version."""
        if frame == SILENCE_FRAME or self._version == 0 or 0 in self._pending.values():
            return True
        self._clear_left = max(0, self._clear_left - 1)
        return self._clear_left > 0

    def needs_recovery(self, members: Collection[int]) -> bool:
        """Return whether people could not be decrypted for so long that our keys may be wrong. `members` are the user
        ids of the people in the call."""
        failing = self._failing()
        if not failing or failing - self._wrong:
            return bool(failing)
        # Of several it is not likely that all have wrong keys, and where there is one alone nobody loses by trying.
        return len(failing) > 1 or failing.issuperset(set(members) - {self._user_id})

    def _failing(self) -> set[int]:
        if not self._failures:  # as ever
            return set()
        return {user_id for user_id, row in self._failures.items() if row >= FAILURES_BEFORE_RECOVERY}

    @property
    def beyond_recovery(self) -> bool:
        """Whether asking for new keys has been in vain too often."""
        return self._vain_recoveries >= MAX_RECOVERIES

    def recover(self, transition_id: int | None = None) -> list[Reply]:
        """Tell the server that our keys do not fit and ask to be added anew (opcode 31, then 26)."""
        self.recoveries += 1
        self._vain_recoveries += 1
        self._outdated += 1
        self._asked_for |= self._failing()
        self._failures.clear()
        failed = self._last_transition if transition_id is None else transition_id
        return [Reply(INVALID_COMMIT_WELCOME, {"transition_id": failed}), *self._new_session()]

    def _new_session(self) -> list[Reply]:
        if self._agreed == 0:
            return []
        self._committed = False
        self._adds.clear()
        if self._session is None:
            self._session = davey.DaveSession(self._agreed, self._user_id, self._channel_id)
            if self._external_sender is not None:  # it came while the call was still in clear
                self._session.set_external_sender(self._external_sender)
        else:
            self._session.reinit(self._agreed, self._user_id, self._channel_id)
        return [Reply(KEY_PACKAGE, self._session.get_serialized_key_package())]

    def _prepare(self, transition_id: int, version: int) -> list[Reply]:
        self._pending[transition_id] = version
        if transition_id == 0:
            self._execute(0)
            return []
        return [Reply(TRANSITION_READY, {"transition_id": transition_id})]

    def _execute(self, transition_id: int) -> None:
        version = self._pending.pop(transition_id, None)
        if version is None:
            return
        if version:  # a downgrade that was announced before, and given up, opens no door
            self._pending = {key: pending for key, pending in self._pending.items() if pending}
        if self._version == 0 and version > 0:
            self._clear_left = CLEAR_AFTER_UPGRADE
        self._version = version
        self._last_transition = transition_id
        self._failures.clear()

    def _vote(self, session: davey.DaveSession, payload: bytes, members: Iterable[int]) -> list[Reply]:
        if not payload:
            return []
        append = payload[0] == 0
        kinds = davey.ProposalsOperationType
        expected = [*members, self._user_id]
        (self._adds.append if append else self._adds.revoke)(payload[1:])
        try:
            if append:
                result = session.process_proposals(kinds.append, payload[1:], expected)
            else:
                result = session.process_proposals(kinds.revoke, payload[1:], None)
                again = self._adds.one()
                if result is not None and not result.welcome and again is not None:
                    result = session.process_proposals(kinds.append, again, expected) or result
        except ValueError:
            # Someone is proposed whom the gateway never announced, or it is not for our epoch. We do not vote for it;
            # if the others do all the same, their commit will not fit our keys and we recover then.
            return []
        if result is None:
            return []
        self._committed = True
        return [Reply(COMMIT_WELCOME, result.commit + (result.welcome or b""))]

    def _joined(self, transition_id: int) -> list[Reply]:
        if transition_id == 0:
            self._version = self._agreed
            return []
        self._pending[transition_id] = self._agreed
        return [Reply(TRANSITION_READY, {"transition_id": transition_id})]
