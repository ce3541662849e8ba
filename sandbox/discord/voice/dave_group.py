"""One channel's DAVE group as the voice server sees it: who is in, what is proposed, which epoch.

Pure: each method takes what a client did and returns the messages to send. One batch of proposals is in flight per
epoch; changes that come meanwhile wait until the winning commit was announced. Source: https://daveprotocol.com.
"""

import struct
from dataclasses import dataclass, field
from typing import Literal

from . import mls

PREPARE_TRANSITION, EXECUTE_TRANSITION, PREPARE_EPOCH = 21, 22, 24
EXTERNAL_SENDER, PROPOSALS, ANNOUNCE_COMMIT, WELCOME = 25, 27, 29, 30
PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one client: a JSON body, or the payload of a binary opcode."""

    user_id: int
    op: int
    data: dict[str, int] | bytes


@dataclass(slots=True)
class _Change:
    kind: Literal["add", "remove"]
    user_id: int
    key_package: bytes = b""
    message: bytes = b""
    reference: bytes = b""


@dataclass(slots=True)
class DaveGroup:
    """The server's view of one MLS group; `leaves` maps leaf index to user id."""

    channel_id: int
    sender: mls.ExternalSender = field(init=False)
    version: int = PROTOCOL_VERSION  # 0 while everybody speaks in clear
    epoch: int = 0
    leaves: list[int | None] = field(default_factory=list)
    connected: set[int] = field(default_factory=set)
    _key_packages: dict[int, bytes] = field(default_factory=dict)
    #: What waits for its turn, by user: the key package to add them with, anew if they are in; None to remove them.
    _wanted: dict[int, bytes | None] = field(default_factory=dict)
    _clear_with: int | None = None  # the transition after which everybody speaks in clear
    _founder: int | None = None  # who is to commit while the epoch is 0
    _in_flight: dict[bytes, _Change] = field(default_factory=dict)
    _next_transition: int = 1
    _unready: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sender = mls.ExternalSender(self.channel_id)

    @property
    def members(self) -> set[int]:
        return {user for user in self.leaves if user is not None}

    def start_at(self, transition_id: int) -> None:
        """The number of the first transition; before anybody is there."""
        self._next_transition = transition_id

    def connect(self, user_id: int) -> list[Outgoing]:
        """A client got its session description: introduce the external sender (op 25)."""
        self.connected.add(user_id)
        if self.version == 0:
            return []
        return [Outgoing(user_id, EXTERNAL_SENDER, self.sender.package())]

    def key_package(self, user_id: int, key_package: bytes) -> list[Outgoing]:
        """Op 26. A member that sends a new one has lost its keys: it is removed and added again."""
        if mls.key_package_user(key_package) != user_id:
            raise mls.MlsError("the key package names another user")
        self._key_packages[user_id] = key_package
        if user_id == self._founder:  # it has given up the group it was to found
            self._found_anew()
        self._wanted[user_id] = key_package
        return self._propose()

    def commit(self, user_id: int, payload: bytes) -> list[Outgoing]:
        """Op 28. The first commit that covers every proposal in flight wins; others are ignored."""
        commit, welcome = mls.split_commit(payload)
        if commit.epoch != self.epoch or not self._in_flight:
            return []
        if set(commit.proposal_references) != set(self._in_flight):
            return []
        if self.epoch == 0:  # the committer's own one-member group becomes the channel's
            if user_id != self._founder:
                return []
        elif self.leaves[commit.sender_leaf] != user_id:
            raise mls.MlsError("the committer is not at the leaf it claims")
        changes = [self._in_flight[reference] for reference in commit.proposal_references]
        secrets = _secrets(welcome, changes)  # judged before anything is changed: one bad commit must harm nobody
        if self.epoch == 0:
            self.leaves, self._founder = [user_id], None
            self._key_packages.pop(user_id, None)
        stayed = self.members
        added = self._apply(changes)
        stayed &= self.members - {change.user_id for change in added}
        self._in_flight.clear()
        self.epoch += 1
        return self._announce(commit, secrets, stayed, added) + self._propose()

    def downgrade(self) -> list[Outgoing]:
        """Somebody came who cannot encrypt: everybody is to speak in clear, from the transition on."""
        self._clear_with = transition_id = self._new_transition(self.connected)
        body = {"transition_id": transition_id, "protocol_version": 0}
        return [Outgoing(user, PREPARE_TRANSITION, body) for user in sorted(self.connected)]

    def upgrade(self) -> list[Outgoing]:
        """All can encrypt again: a new group, and sealed frames from its first transition on."""
        self._forget_group()
        self._wanted.clear()
        self.version = PROTOCOL_VERSION
        body = {"protocol_version": PROTOCOL_VERSION, "epoch": 1}
        out = [Outgoing(user, PREPARE_EPOCH, body) for user in sorted(self.connected)]
        return out + [Outgoing(user, EXTERNAL_SENDER, self.sender.package()) for user in sorted(self.connected)]

    def change_sender(self) -> list[Outgoing]:
        """Another external sender, as another voice server has: a new group, that everybody founds anew."""
        self.sender = mls.ExternalSender(self.channel_id)
        return self.upgrade()

    def ready(self, user_id: int, transition_id: int) -> list[Outgoing]:
        """Op 23. The transition is executed (op 22) when the last member is ready."""
        unready = self._unready.get(transition_id)
        if unready is None:
            return []
        unready.discard(user_id)
        return [] if unready else self.execute(transition_id)

    def execute(self, transition_id: int) -> list[Outgoing]:
        """Op 22 to everyone; called on its own it is the gateway's transition time-out."""
        self._unready.pop(transition_id, None)
        if transition_id == self._clear_with:
            self.version, self._clear_with = 0, None
        body = {"transition_id": transition_id}
        return [Outgoing(user, EXECUTE_TRANSITION, body) for user in sorted(self.connected)]

    def disconnect(self, user_id: int) -> list[Outgoing]:
        """A client is gone: take back its pending add, or have the others remove it."""
        self.connected.discard(user_id)
        self._key_packages.pop(user_id, None)
        self._wanted.pop(user_id, None)
        if user_id == self._founder:
            self._found_anew()
        out = self._revoke_add(user_id)
        if self._founder is not None and not self._in_flight:  # nobody is left to found it with
            self._wanted = {self._founder: self._key_packages[self._founder], **self._wanted}
            self._founder = None
        for unready in self._unready.values():
            unready.discard(user_id)
        for transition_id in [key for key, unready in self._unready.items() if not unready]:
            out += self.execute(transition_id)
        if user_id in self.members:
            remaining = (self.members - {user_id}) & self.connected
            if len(remaining) == 1:
                return out + self._reset_to_sole_member(remaining.pop())
            if remaining:
                self._wanted[user_id] = None
            else:
                self._forget_group()
        return out + self._propose()

    def _apply(self, changes: list[_Change]) -> list[_Change]:
        """Change the leaves as RFC 9420 section 12.3 orders it: removes, then adds into the leftmost blanks."""
        for change in changes:
            if change.kind == "remove":
                self.leaves[self.leaves.index(change.user_id)] = None
        while self.leaves and self.leaves[-1] is None:
            self.leaves.pop()
        added = [change for change in changes if change.kind == "add"]
        for change in added:
            if None in self.leaves:
                self.leaves[self.leaves.index(None)] = change.user_id
            else:
                self.leaves.append(change.user_id)
        return added

    def _announce(
        self, commit: mls.Commit, secrets: dict[int, bytes], stayed: set[int], added: list[_Change]
    ) -> list[Outgoing]:
        transition_id = self._new_transition(set())
        head = struct.pack(">H", transition_id)
        out = [Outgoing(user, ANNOUNCE_COMMIT, head + commit.message) for user in sorted(stayed & self.connected)]
        for change in added:
            if self._key_packages.get(change.user_id) == change.key_package:
                del self._key_packages[change.user_id]
            out.append(Outgoing(change.user_id, WELCOME, head + secrets[change.user_id]))
        self._unready[transition_id] = {message.user_id for message in out}
        return out

    def _new_transition(self, unready: set[int]) -> int:
        transition_id = self._next_transition
        self._next_transition = transition_id % 0xFFFF + 1
        self._unready[transition_id] = set(unready)
        return transition_id

    def _revoke_add(self, user_id: int) -> list[Outgoing]:
        pending = (change for change in self._in_flight.values() if change.kind == "add")
        stale = [change.reference for change in pending if change.user_id == user_id]
        for reference in stale:
            del self._in_flight[reference]
        if not stale:
            return []
        return [Outgoing(user, PROPOSALS, mls.revoke_proposals(stale)) for user in self._voters()]

    def _reset_to_sole_member(self, user_id: int) -> list[Outgoing]:
        self._forget_group()
        self._wanted.pop(user_id, None)  # it sends a new key package
        version = {"protocol_version": PROTOCOL_VERSION}
        return [
            Outgoing(user_id, PREPARE_EPOCH, {**version, "epoch": 1}),
            Outgoing(user_id, PREPARE_TRANSITION, {**version, "transition_id": 0}),
        ]

    def _forget_group(self) -> None:
        """Back to the beginning; whoever was to be added still is."""
        self.leaves, self.epoch = [], 0
        self._found_anew()
        self._wanted = {user: package for user, package in self._wanted.items() if package is not None}

    def _found_anew(self) -> None:
        """Nothing is in flight any more."""
        adds = {change.user_id: change.key_package for change in self._in_flight.values() if change.kind == "add"}
        self._wanted = {**{user: package for user, package in adds.items() if user in self.connected}, **self._wanted}
        self._in_flight.clear()
        self._founder = None

    def _voters(self) -> list[int]:
        voters = self.members if self.epoch else {self._founder} - {None}
        return sorted(user for user in voters if user in self.connected and user is not None)

    def _propose(self) -> list[Outgoing]:
        if self._in_flight:
            return []
        return self._propose_changes() if self.epoch else self._propose_founding()

    def _propose_founding(self) -> list[Outgoing]:
        """The first two that are there found the group: one commits, the others are added to its group."""
        pending = [_Change("add", user, package) for user, package in self._wanted.items() if package is not None]
        if len(pending) < 2:
            return []
        founder, others = pending[0], pending[1:]
        self._wanted.clear()
        self._founder = founder.user_id
        return [Outgoing(founder.user_id, PROPOSALS, self._sign(others))]

    def _propose_changes(self) -> list[Outgoing]:
        batch = []
        for user_id, package in self._wanted.items():
            if user_id in self.members:
                batch.append(_Change("remove", user_id))
            if package is not None:
                batch.append(_Change("add", user_id, package))
        self._wanted.clear()
        if not batch:
            return []
        payload = self._sign(batch)
        leaving = {change.user_id for change in batch if change.kind == "remove"}
        return [Outgoing(user, PROPOSALS, payload) for user in self._voters() if user not in leaving]

    def _sign(self, batch: list[_Change]) -> bytes:
        for change in batch:
            if change.kind == "add":
                signed = self.sender.propose_add(self.epoch, change.key_package)
            else:
                signed = self.sender.propose_remove(self.epoch, self.leaves.index(change.user_id))
            change.message, change.reference = signed
            self._in_flight[change.reference] = change
        return mls.append_proposals([change.message for change in batch])


def _secrets(welcome: bytes, changes: list[_Change]) -> dict[int, bytes]:
    """Each new member's part of a Welcome, by user; MlsError when somebody's is missing."""
    found: dict[int, bytes] = {}
    for change in changes:
        if change.kind == "add":
            own = mls.welcome_for(welcome, mls.key_package_reference(change.key_package)) if welcome else None
            if own is None:
                raise mls.MlsError(f"the welcome has no secret for {change.user_id}")
            found[change.user_id] = own
    return found
