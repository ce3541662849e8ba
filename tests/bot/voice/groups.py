"""A DAVE group in memory: the sandbox's voice server in the middle, any clients around it."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from bot.voice import dave
from sandbox.discord.voice.dave_group import DaveGroup, Outgoing

CHANNEL = 9_000_000_000_000_000_001


class Member(Protocol):
    """A client's side of DAVE."""

    user_id: int

    def handle(self, op: int, data: dict[str, int] | bytes) -> list[tuple[int, object]]: ...
    def start(self) -> list[tuple[int, object]]: ...


class BotMember:
    """Ours."""

    def __init__(self, user_id: int, others: set[int]) -> None:
        self.user_id = user_id
        self.session = dave.DaveSession(user_id, CHANNEL)
        self._others = others

    def start(self) -> list[tuple[int, object]]:
        return _pairs(self.session.start(1))

    def handle(self, op: int, data: dict[str, int] | bytes) -> list[tuple[int, object]]:
        if isinstance(data, bytes):
            return _pairs(self.session.handle_binary(op, data, self._others))
        return _pairs(self.session.handle_json(op, data))


def _pairs(replies: Iterable[dave.Reply]) -> list[tuple[int, object]]:
    return [(reply.op, reply.data) for reply in replies]


class Room:
    """Delivers messages until nobody has anything to say."""

    def __init__(self) -> None:
        self.group = DaveGroup(CHANNEL)
        self.members: dict[int, Member] = {}
        self._inbox: deque[Outgoing] = deque()
        self._delivering = False

    def join(self, member: Member) -> None:
        self.members[member.user_id] = member
        introduction = member.start()
        self.deliver(self.group.connect(member.user_id))
        self.take(member.user_id, introduction)

    def leave(self, user_id: int) -> Member:
        member = self.members.pop(user_id)
        self.deliver(self.group.disconnect(user_id))
        return member

    def take(self, user_id: int, replies: list[tuple[int, object]]) -> None:
        """A client sent these."""
        for op, data in replies:
            if op == 26 and isinstance(data, bytes):
                self.deliver(self.group.key_package(user_id, data))
            elif op == 28 and isinstance(data, bytes):
                self.deliver(self.group.commit(user_id, data))
            elif op == 23 and isinstance(data, dict):
                self.deliver(self.group.ready(user_id, data["transition_id"]))

    def deliver(self, messages: list[Outgoing]) -> None:
        """In the order they were sent, as websockets do."""
        self._inbox.extend(messages)
        if self._delivering:
            return
        self._delivering = True
        while self._inbox:
            message = self._inbox.popleft()
            member = self.members.get(message.user_id)
            if member is not None:
                self.take(message.user_id, member.handle(message.op, message.data))
        self._delivering = False
