"""Our side of DAVE in groups with others like us: joining, leaving, losing the keys, finding them again."""

import os
import random
from collections import deque
from typing import Any

import pytest

from bot.voice import dave
from sandbox.discord.voice.dave_group import Outgoing, _Change
from sandbox.discord.voice.mls import split_commit
from tests.bot.voice.groups import CHANNEL, BotMember, Room

BOT, ANN, BOB, CAROL = 1001, 2002, 3003, 4004
OTHERS = {ANN, BOB}
#: Sealed, and not with keys of the group's.
UNREADABLE = b"\xfc" + b"plain" * 12 + dave.SEALED


@pytest.fixture
def room() -> Room:
    return Room()


def _member(user_id: int) -> BotMember:
    return BotMember(user_id, {BOT, ANN, BOB})


def _understands(listener: BotMember, speaker: BotMember) -> bool:
    frame = b"\xfc" + os.urandom(60)
    sealed = speaker.session.seal(frame)
    assert sealed is not None
    assert sealed != frame
    return listener.session.open(speaker.user_id, sealed) == frame


def test_two_agree_on_keys(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    assert not bot.session.ready
    assert bot.session.seal(b"too early") is None
    room.join(ann)
    assert bot.session.ready
    assert _understands(bot, ann)
    assert _understands(ann, bot)
    assert bot.session.privacy_code == ann.session.privacy_code


def test_a_third_joins_and_one_leaves(room: Room) -> None:
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    for member in (bot, ann, bob):
        room.join(member)
    assert _understands(bot, bob)
    assert _understands(ann, bob)
    gone = room.leave(ANN)
    assert isinstance(gone, BotMember)
    assert _understands(bot, bob)
    sealed = bob.session.seal(b"\xfc" + bytes(40))
    assert sealed is not None
    assert gone.session.open(BOB, sealed) is None


def test_the_last_one_founds_a_new_group_with_the_next(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    room.leave(ANN)
    assert not bot.session.ready
    bob = _member(BOB)
    room.join(bob)
    assert _understands(bot, bob)


def test_silence_passes_in_clear(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    assert bot.session.open(ANN, b"\xf8\xff\xfe") == b"\xf8\xff\xfe"


@pytest.mark.parametrize("frame", [UNREADABLE, b"\xfc" + bytes(60) + b"\x0c\xfa\xfa", b"\xfa\xfa", b""])
def test_what_cannot_be_opened_is_nothing_and_no_error(room: Room, frame: bytes) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    assert bot.session.open(ANN, frame) is None
    assert not bot.session.needs_recovery(OTHERS)


def test_a_replay_is_refused(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    sealed = ann.session.seal(b"\xfc" + bytes(40))
    assert sealed is not None
    assert bot.session.open(ANN, sealed) is not None
    assert bot.session.open(ANN, sealed) is None


def test_too_many_failures_ask_for_new_keys_and_get_them(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(dave.FAILURES_BEFORE_RECOVERY):
        assert not bot.session.needs_recovery(OTHERS)
        bot.session.open(ANN, UNREADABLE)
    assert bot.session.needs_recovery(OTHERS)
    replies = bot.session.recover()
    assert [reply.op for reply in replies] == [dave.INVALID_COMMIT_WELCOME, dave.KEY_PACKAGE]
    assert not bot.session.needs_recovery(OTHERS)
    room.take(BOT, [(reply.op, reply.data) for reply in replies])
    assert bot.session.recoveries == 1
    assert _understands(bot, ann)
    assert _understands(ann, bot)


def test_who_talks_while_our_keys_are_on_their_way_does_not_make_us_ask_anew(room: Room) -> None:
    """Three people talk for the three seconds that a transition may take; the Welcome that comes then still fits."""
    bot, ann = _member(BOT), _member(ANN)
    room.join(ann)
    room.members[BOT], introduction = bot, bot.start()
    room.deliver(room.group.connect(BOT))
    for _ in range(3 * 3 * 50):
        assert bot.session.open(ANN, UNREADABLE) is None
        assert not bot.session.needs_recovery(OTHERS)
    room.take(BOT, introduction)
    assert _understands(bot, ann)
    assert bot.session.recoveries == 0


def test_keys_that_never_come_are_asked_for_anew() -> None:
    bot = _member(BOT)
    bot.start()
    for _ in range(round(dave.FAILURES_BEFORE_RECOVERY / dave.BEFORE_KEYS) + 1):
        bot.session.open(ANN, UNREADABLE)
    assert bot.session.needs_recovery(OTHERS)


def test_a_crowd_that_has_its_new_keys_before_us_is_no_loss_of_ours(room: Room) -> None:
    """Half a second of ten people at once, while the commit is on its way to us."""
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(25):
        for user_id in range(100, 110):
            assert bot.session.open(user_id, UNREADABLE) is None
            assert not bot.session.needs_recovery(OTHERS)
    assert _understands(bot, ann)


def test_what_was_on_its_way_when_new_keys_were_asked_for_does_not_ask_again(room: Room) -> None:
    """A commit, and a Welcome for the key package before: each request makes the Welcome under way worthless."""
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    room.join(ann)
    room.join(bob)
    room.members[BOT], introduction = bot, bot.start()
    room.deliver(room.group.connect(BOT))
    delayed: list[tuple[int, dict[str, int] | bytes]] = []
    handle = bot.handle

    def delay(op: int, data: dict[str, int] | bytes) -> list[tuple[int, object]]:
        delayed.append((op, data))
        return []

    bot.handle = delay  # type: ignore[method-assign]
    room.take(BOT, introduction)
    assert dave.WELCOME in [op for op, _ in delayed]
    replies = bot.session.recover()  # too early
    room.leave(BOB)  # and a commit that is not for the group we ask to be added to
    bot.handle = handle  # type: ignore[method-assign]
    for op, data in delayed:
        answers = handle(op, data)
        assert dave.INVALID_COMMIT_WELCOME not in [answer for answer, _ in answers]
        if op != dave.WELCOME:
            room.take(BOT, answers)
    room.take(BOT, [(reply.op, reply.data) for reply in replies])
    assert bot.session.recoveries == 1
    assert _understands(bot, ann)
    assert _understands(ann, bot)


def test_a_welcome_that_does_not_fit_is_asked_for_anew(room: Room) -> None:
    bot = _member(BOT)
    bot.start()
    replies = bot.session.handle_binary(dave.WELCOME, b"\x00\x05garbage", {ANN})
    assert [reply.op for reply in replies] == [dave.INVALID_COMMIT_WELCOME, dave.KEY_PACKAGE]


def test_someone_with_a_bad_key_costs_the_others_nothing(room: Room) -> None:
    """As long as anybody can be read our keys are right."""
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    for member in (bot, ann, bob):
        room.join(member)
    for _ in range(5 * dave.FAILURES_BEFORE_RECOVERY):
        bot.session.open(BOB, UNREADABLE)
        assert _understands(bot, ann)
        assert not bot.session.needs_recovery(OTHERS)


def _fail(bot: BotMember, *user_ids: int) -> None:
    for _ in range(dave.FAILURES_BEFORE_RECOVERY):
        for user_id in user_ids:
            bot.session.open(user_id, UNREADABLE)


def _recover(room: Room, bot: BotMember) -> None:
    room.take(BOT, [(reply.op, reply.data) for reply in bot.session.recover()])


def test_someone_with_a_bad_key_who_talks_alone_changes_everybodys_keys_once(room: Room) -> None:
    """Ann, who listens, was readable: it is not likely that our keys are wrong when new ones do not help either."""
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    for member in (bot, ann, bob):
        room.join(member)
    assert _understands(bot, ann)
    _fail(bot, BOB)
    assert bot.session.needs_recovery(OTHERS)
    _recover(room, bot)
    for _ in range(20):
        _fail(bot, BOB)
        assert not bot.session.needs_recovery(OTHERS)
    assert not bot.session.beyond_recovery
    assert _understands(bot, ann)
    _fail(bot, BOB)
    assert not bot.session.needs_recovery(OTHERS)
    # Others whom nobody can read are another matter, and so is Bob when he has come back with keys that fit.
    _fail(bot, ANN)
    assert bot.session.needs_recovery(OTHERS)
    _recover(room, bot)
    room.leave(BOB)
    bot.session.forget(BOB)
    room.join(_member(BOB))
    _fail(bot, BOB)
    assert bot.session.needs_recovery(OTHERS)


@pytest.mark.parametrize("others", [{ANN}, {ANN, BOT}])
def test_where_there_is_one_person_alone_new_keys_are_asked_for_again(room: Room, others: set[int]) -> None:
    """Nobody else loses by it, and a bot that stays deaf is paid for."""
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    assert _understands(bot, ann)
    for _ in range(dave.MAX_RECOVERIES):
        assert not bot.session.beyond_recovery
        _fail(bot, ANN)
        assert bot.session.needs_recovery(others)
        _recover(room, bot)
    assert bot.session.beyond_recovery


def test_nor_does_one_with_a_bad_key_end_the_call_before_anybody_else_has_spoken(room: Room) -> None:
    """After a move to another voice server, say: who was readable there is not known here."""
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    for member in (bot, ann, bob):
        room.join(member)
    _fail(bot, BOB)
    assert bot.session.needs_recovery(OTHERS)
    _recover(room, bot)
    for _ in range(2 * dave.MAX_RECOVERIES):
        _fail(bot, BOB)
        assert not bot.session.needs_recovery(OTHERS)


def test_new_keys_that_help_nobody_are_asked_for_again(room: Room) -> None:
    """Several at once do not all have wrong keys."""
    bot, ann, bob = _member(BOT), _member(ANN), _member(BOB)
    for member in (bot, ann, bob):
        room.join(member)
    assert _understands(bot, ann)
    for _ in range(dave.MAX_RECOVERIES):
        assert not bot.session.beyond_recovery
        _fail(bot, ANN, BOB)
        assert bot.session.needs_recovery(OTHERS)
        _recover(room, bot)
    assert bot.session.beyond_recovery


def test_what_comes_in_clear_says_nothing_of_keys(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(5 * dave.FAILURES_BEFORE_RECOVERY):
        assert bot.session.open(BOB, b"\xfc" + b"plain" * 12) is None
    assert not bot.session.needs_recovery(OTHERS)


def test_recoveries_in_vain_are_given_up(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(dave.MAX_RECOVERIES):
        assert not bot.session.beyond_recovery
        for _ in range(dave.FAILURES_BEFORE_RECOVERY):
            bot.session.open(ANN, UNREADABLE)
            bot.session.open(ANN, b"\xf8\xff\xfe")  # silence passes in clear and proves nothing
        replies = bot.session.recover()
        room.take(BOT, [(reply.op, reply.data) for reply in replies])
    assert bot.session.beyond_recovery
    assert _understands(bot, ann)
    assert not bot.session.beyond_recovery


def test_one_good_frame_forgives_the_bad_ones(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(dave.FAILURES_BEFORE_RECOVERY - 1):
        bot.session.open(ANN, UNREADABLE)
    assert _understands(bot, ann)
    bot.session.open(ANN, UNREADABLE)
    assert not bot.session.needs_recovery(OTHERS)


def test_a_stranger_is_not_voted_in(room: Room) -> None:
    """The server proposes somebody who never connected; our client takes part in no such commit."""
    bot = BotMember(BOT, {ANN})
    ann, stranger = _member(ANN), _member(BOB)
    room.join(bot)
    room.join(ann)
    room.group.connected.add(BOB)
    room.group.sender.package()
    (key_package,) = [data for op, data in stranger.start() if op == dave.KEY_PACKAGE]
    assert isinstance(key_package, bytes)
    for message in room.group.key_package(BOB, key_package):
        if message.user_id == BOT:
            assert bot.handle(message.op, message.data) == []
        else:
            assert ann.handle(message.op, message.data) != []


def test_a_broken_commit_asks_for_new_keys(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    replies = bot.session.handle_binary(dave.ANNOUNCE_COMMIT, b"\x00\x05garbage", {ANN})
    assert [reply.op for reply in replies] == [dave.INVALID_COMMIT_WELCOME, dave.KEY_PACKAGE]
    assert replies[0].data == {"transition_id": 5}


def test_without_dave_frames_pass_as_they_are() -> None:
    session = dave.DaveSession(BOT, CHANNEL)
    assert session.start(0) == []
    assert session.ready
    assert session.seal(b"opus") == b"opus"
    assert session.open(ANN, b"opus") == b"opus"
    assert session.handle_binary(dave.PROPOSALS, b"\x00", set()) == []


def test_a_downgrade_is_prepared_and_executed(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    replies = bot.session.handle_json(dave.PREPARE_TRANSITION, {"transition_id": 9, "protocol_version": 0})
    assert [(reply.op, reply.data) for reply in replies] == [(dave.TRANSITION_READY, {"transition_id": 9})]
    assert bot.session.version == 1
    bot.session.handle_json(dave.EXECUTE_TRANSITION, {"transition_id": 9})
    assert bot.session.version == 0
    assert bot.session.open(ANN, b"\xfc" + b"plain" * 12) is not None
    assert bot.session.seal(b"opus") == b"opus"


def test_in_clear_nobody_counts_as_undecryptable_whoever_they_are(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    sealed = ann.session.seal(b"\xfc" + b"plain" * 12)
    assert sealed is not None
    bot.session.handle_json(dave.PREPARE_TRANSITION, {"transition_id": 9, "protocol_version": 0})
    assert bot.session.open(BOB, b"\xfc" + b"early" * 12) is not None  # whose client was told a moment before ours
    bot.session.handle_json(dave.EXECUTE_TRANSITION, {"transition_id": 9})
    for _ in range(3 * dave.FAILURES_BEFORE_RECOVERY):
        assert bot.session.open(BOB, b"\xfc" + b"plain" * 12) == b"\xfc" + b"plain" * 12
    assert bot.session.open(ANN, sealed) == b"\xfc" + b"plain" * 12  # which was on its way
    for _ in range(3 * dave.FAILURES_BEFORE_RECOVERY):
        assert bot.session.open(BOB, sealed) is None  # noise, if it were played
    assert not bot.session.needs_recovery(OTHERS)


def test_after_an_upgrade_clear_frames_are_taken_for_a_moment_only(room: Room) -> None:
    """Whoever can slip frames in would speak in a member's name."""
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    plain = b"\xfc" + b"plain" * 12
    assert bot.session.open(ANN, plain) is None
    for op, data in (
        (dave.PREPARE_TRANSITION, {"transition_id": 9, "protocol_version": 0}),
        (dave.EXECUTE_TRANSITION, {"transition_id": 9}),
        (dave.PREPARE_TRANSITION, {"transition_id": 10, "protocol_version": 1}),
    ):
        bot.session.handle_json(op, data)
    assert bot.session.seal(plain) == plain  # until the transition
    bot.session.handle_json(dave.EXECUTE_TRANSITION, {"transition_id": 10})
    assert bot.session.seal(plain) != plain
    taken = sum(bot.session.open(ANN, plain) is not None for _ in range(1000))
    assert 0 < taken <= dave.CLEAR_AFTER_UPGRADE


def test_a_downgrade_that_is_given_up_lets_nothing_in(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    plain = b"\xfc" + b"plain" * 12
    bot.session.handle_json(dave.PREPARE_TRANSITION, {"transition_id": 9, "protocol_version": 0})
    assert bot.session.open(ANN, plain) is not None
    room.join(_member(BOB))  # and the epoch that follows is executed instead
    assert bot.session.open(ANN, plain) is None


class SlowRoom(Room):
    """Every message, either way, waits its turn on its own websocket; which websocket is next is chance."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self._queues: dict[tuple[int, bool], deque[tuple[int, Any]]] = {}  # by user and direction

    def take(self, user_id: int, replies: list[tuple[int, object]]) -> None:
        self._queues.setdefault((user_id, True), deque()).extend(replies)

    def deliver(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._queues.setdefault((message.user_id, False), deque()).append((message.op, message.data))

    def forget(self, user_id: int) -> None:
        """The websocket is closed; nothing of it arrives any more."""
        for key in [key for key in self._queues if key[0] == user_id]:
            del self._queues[key]

    def step(self) -> bool:
        """One message arrives; False when none is under way."""
        waiting = sorted(key for key, queue in self._queues.items() if queue)
        if not waiting:
            return False
        user_id, up = key = self.random.choice(waiting)
        op, data = self._queues[key].popleft()
        if up:
            super().take(user_id, [(op, data)])
        elif user_id in self.members:
            self.take(user_id, self.members[user_id].handle(op, data))
        return True


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_under_way_when_sessions_are_replaced_the_keys_are_agreed_in_the_end(seed: int) -> None:
    """Nobody needs to speak for it: without keys nobody could."""
    room = SlowRoom(seed)
    ann, bob = _member(ANN), _member(BOB)
    people = [ann, bob][: room.random.randint(1, 2)]
    for person in people:
        room.join(person)
    for _ in range(room.random.randint(1, 6)):
        bot = _member(BOT)
        room.join(bot)
        for _ in range(room.random.randint(0, 30)):
            room.step()
        if room.random.random() < 0.3 and bot.session._session is not None:
            room.take(BOT, [(reply.op, reply.data) for reply in bot.session.recover()])
            for _ in range(room.random.randint(0, 10)):
                room.step()
        room.leave(BOT)
        room.forget(BOT)
    bot = _member(BOT)
    room.join(bot)
    for _ in range(2_000):
        if not room.step():
            break
    else:
        pytest.fail("they never stop asking")
    assert [member.session.ready for member in (bot, *people)] == [True] * (1 + len(people))
    for person in people:
        assert _understands(bot, person)
        assert _understands(person, bot)


def test_the_commit_after_an_add_was_taken_back_welcomes_the_others(room: Room) -> None:
    """davey's own has no Welcome then, and such a commit is refused."""
    everybody = {BOT, ANN, BOB, CAROL}
    bot, ann, bob, carol = (BotMember(user_id, everybody - {user_id}) for user_id in sorted(everybody))
    room.join(bot)
    room.join(ann)
    group = room.group
    proposals: list[tuple[int, object]] = []
    group._in_flight[b"busy"] = _Change("remove", ANN)  # so that both wait for their turn
    for member in (bob, carol):
        room.members[member.user_id] = member
        (package,) = [data for op, data in member.start() if op == dave.KEY_PACKAGE]
        for message in group.connect(member.user_id):
            member.handle(message.op, message.data)
        assert isinstance(package, bytes)
        group.key_package(member.user_id, package)
    group._in_flight.clear()
    for message in [m for m in group._propose() if m.user_id == BOT]:
        proposals = bot.handle(message.op, message.data)
    assert [op for op, _ in proposals] == [dave.COMMIT_WELCOME]  # for both; the server has not had it yet
    room.members.pop(BOB)
    (revoked,) = [m for m in group.disconnect(BOB) if m.user_id == BOT]
    ((op, commit),) = bot.handle(revoked.op, revoked.data)
    assert op == dave.COMMIT_WELCOME
    assert isinstance(commit, bytes)
    assert split_commit(commit)[1], "there is no Welcome"
    room.deliver(group.commit(BOT, commit))
    assert _understands(bot, carol)
    assert _understands(carol, ann)


def test_the_group_is_known_by_its_keys(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    assert bot.session.group == frozenset()
    room.join(bot)
    room.join(ann)
    assert bot.session.group == {ANN}


def test_trying_a_frame_says_nothing_of_anybodys_keys(room: Room) -> None:
    bot, ann = _member(BOT), _member(ANN)
    room.join(bot)
    room.join(ann)
    for _ in range(3 * dave.FAILURES_BEFORE_RECOVERY):
        assert bot.session.try_open(ANN, UNREADABLE) is None
        assert bot.session.try_open(BOB, UNREADABLE) is None
    assert not bot.session.needs_recovery(OTHERS)
    sealed = ann.session.seal(b"\xfc" + bytes(40))
    assert sealed is not None
    assert bot.session.try_open(ANN, sealed) == b"\xfc" + bytes(40)
