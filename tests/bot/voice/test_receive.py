"""From datagram to packet: whose it is, what is dropped, what is held until its owner is known."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.consent import Consent
from bot.voice import aead
from bot.voice.dave import SEALED, SILENCE_FRAME, DaveSession
from bot.voice.owners import TRIES_PER_SECOND
from bot.voice.receive import COUNTED_SSRCS, HELD_PER_SSRC, HELD_SECONDS, HELD_SSRCS, OpusPacket, Receiver
from sandbox.discord.voice import transport

KEY = bytes(range(32))
ANN, BOB = 2002, 3003


class Wire:
    """A receiver, and a server's cipher to feed it with."""

    def __init__(self, dave: Any = None) -> None:
        self.heard: list[OpusPacket] = []
        self.now = 0.0
        self.without_consent: set[int] = set()
        if dave is None:
            dave = DaveSession(1001, 1)
            dave.start(0)
        self.receiver = Receiver(dave, self.heard.append, lambda user_id: user_id not in self.without_consent)
        self.receiver.use(aead.TransportCipher(aead.XCHACHA20_POLY1305, KEY))
        self.server = transport.Cipher(aead.XCHACHA20_POLY1305, KEY)

    def send(self, ssrc: int, sequence: int = 1, payload: bytes = b"opus", **quirks: int) -> None:
        packet = transport.Packet(sequence, sequence * 960, ssrc, payload)
        self.receiver.receive(
            self.server.encrypt(
                packet, extension="one byte" if quirks.get("extension") else "none", padding=quirks.get("padding", 0)
            ),
            self.now,
        )


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_packet_of_a_known_speaker(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.send(10, 7, extension=1, padding=5)
    assert wire.heard == [OpusPacket(ANN, 10, 7, 7 * 960, b"opus")]


def test_packets_before_the_introduction_are_delivered_after_it(wire: Wire) -> None:
    wire.send(10, 1)
    wire.send(10, 2)
    assert wire.heard == []
    wire.receiver.map_ssrc(10, ANN, wire.now)
    assert [packet.sequence for packet in wire.heard] == [1, 2]
    assert {packet.user_id for packet in wire.heard} == {ANN}


def test_what_is_held_is_bounded(wire: Wire) -> None:
    for ssrc in range(100):
        for sequence in range(HELD_PER_SSRC + 20):
            wire.send(ssrc, sequence)
    for ssrc in range(100):
        wire.receiver.map_ssrc(ssrc, ANN, wire.now)
    assert len(wire.heard) == HELD_SSRCS * HELD_PER_SSRC


def test_an_ssrc_that_changes_hands_is_never_the_former_owners(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.receiver.forget_user(ANN)
    wire.send(10, 1)
    assert wire.heard == []
    wire.receiver.map_ssrc(10, BOB, wire.now)
    assert [packet.user_id for packet in wire.heard] == [BOB]


def test_what_nobody_claimed_in_time_is_nobodys(wire: Wire) -> None:
    """Someone left before SPEAKING told whose it was, and the SSRC is another's now."""
    wire.send(10, 1)
    wire.now += HELD_SECONDS + 0.1
    wire.send(10, 2)
    wire.receiver.map_ssrc(10, BOB, wire.now)
    assert [packet.sequence for packet in wire.heard] == [2]


def test_unclaimed_packets_make_room_for_later_ones(wire: Wire) -> None:
    for ssrc in range(HELD_SSRCS):
        wire.send(ssrc)
    wire.send(99)
    wire.now += HELD_SECONDS + 0.1
    wire.send(100)
    for ssrc in (99, 100):
        wire.receiver.map_ssrc(ssrc, ANN, wire.now)
    assert [packet.ssrc for packet in wire.heard] == [100]


def test_of_someone_who_is_not_to_be_heard_nothing_is_decrypted(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.without_consent.add(ANN)
    wire.send(10)
    wire.receiver.receive(b"\x80\x78" + struct.pack(">HII", 1, 960, 10) + bytes(40), wire.now)  # nor authenticated
    stats = wire.receiver.stats
    assert (stats.without_consent, stats.received, stats.not_authentic) == (2, 0, 0)


def test_where_people_are_asked_first_a_stranger_waits_for_a_name_and_is_heard_if_willing(wire: Wire) -> None:
    consent = Consent(ask_first=True)
    consent.set(ANN, True)
    wire.receiver._may_hear = consent.allows
    for ssrc in (10, 11):
        wire.send(ssrc)
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.receiver.map_ssrc(11, BOB, wire.now)
    assert [packet.user_id for packet in wire.heard] == [ANN]
    assert wire.receiver.stats.without_consent == 1


def test_a_stranger_with_another_key_is_not_heard(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    forged = transport.Cipher(aead.XCHACHA20_POLY1305, bytes(32))
    wire.receiver.receive(forged.encrypt(transport.Packet(1, 960, 10, b"opus")), wire.now)
    assert wire.heard == []
    assert wire.receiver.stats.not_authentic == 1


def test_rtcp_and_discovery_are_not_sound(wire: Wire) -> None:
    wire.receiver.receive(struct.pack(">BBHI", 0x80, 200, 6, 10) + bytes(40), wire.now)
    wire.receiver.receive(b"\x00\x02\x00\x46" + bytes(70), wire.now)
    assert wire.receiver.stats.not_rtp == 2


def test_an_empty_payload_is_malformed(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.send(10, payload=b"")
    assert wire.heard == []
    assert wire.receiver.stats.malformed == 1


@given(st.binary(max_size=300))
def test_no_datagram_is_an_error(datagram: bytes) -> None:
    Wire().receiver.receive(datagram, 0.0)


@given(st.binary(max_size=80))
def test_no_authentic_payload_is_an_error(payload: bytes) -> None:
    wire = Wire()
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.send(10, payload=payload, extension=1)


def test_losses_are_counted_by_sequence_before_anything_else_can_fail(wire: Wire) -> None:
    """A packet that DAVE cannot open was not lost; one that was held until its owner was known neither."""
    wire.send(10, 1)
    wire.receiver.map_ssrc(10, ANN, wire.now)
    for sequence in (2, 3, 12):
        wire.send(10, sequence)
    assert wire.receiver.stats.lost == {ANN: 8}
    wire.receiver.forget_user(ANN)
    wire.receiver.map_ssrc(10, BOB, wire.now)
    wire.send(10, 60)  # what is missing before it was not Bob's
    wire.without_consent.add(BOB)
    wire.send(10, 61)
    wire.without_consent.clear()
    wire.send(10, 90)  # nor was it lost what he did not want to be heard
    assert wire.receiver.stats.lost == {ANN: 8}


class Group:
    """DAVE as the receiver sees it: frames that say whose they are, sealed."""

    def __init__(self, *members: int) -> None:
        self.group = frozenset(members)

    @staticmethod
    def sealed(user_id: int, sound: bytes = b"opus") -> bytes:
        return struct.pack(">I", user_id) + sound + SEALED

    def open(self, user_id: int, frame: bytes) -> bytes | None:
        if not frame.endswith(SEALED):
            return frame
        return frame[4 : -len(SEALED)] if frame[:4] == struct.pack(">I", user_id) else None

    def try_open(self, user_id: int, frame: bytes) -> bytes | None:
        return self.open(user_id, frame)


@pytest.fixture
def sealed() -> Wire:
    """A wire into a call that is end-to-end encrypted, with Ann and Bob in its group."""
    return Wire(Group(ANN, BOB))


def test_who_was_never_introduced_is_heard_by_their_keys(sealed: Wire) -> None:
    for number in range(10):
        sealed.send(10, number, Group.sealed(BOB))
    assert {packet.user_id for packet in sealed.heard} == {BOB}
    assert [packet.sequence for packet in sealed.heard] == list(range(10))
    assert sealed.receiver.stats.unowned == {}
    assert sealed.receiver.stats.heard == 10


def test_an_owner_that_was_found_stays_until_discord_says_otherwise(sealed: Wire) -> None:
    sealed.send(10, 1, Group.sealed(BOB))
    sealed.receiver.map_ssrc(10, ANN, sealed.now)
    sealed.send(10, 2, Group.sealed(ANN))
    assert [(packet.user_id, packet.sequence) for packet in sealed.heard] == [(BOB, 1), (ANN, 2)]


def test_nobodys_keys_are_tried_for_silence_that_comes_in_clear(sealed: Wire) -> None:
    sealed.send(10, 1, SILENCE_FRAME)
    assert sealed.heard == []
    assert sealed.receiver.stats.unowned == {10: 1}


def test_who_does_not_want_to_be_heard_is_not_tried(sealed: Wire) -> None:
    sealed.without_consent.add(BOB)
    sealed.send(10, 1, Group.sealed(BOB))
    assert sealed.heard == []
    assert sealed.receiver.stats.heard == 0


def test_packets_of_nobody_are_counted_and_never_as_heard(sealed: Wire) -> None:
    for number in range(2000):
        sealed.send(1000 + number % 100, number, Group.sealed(77))
    stats = sealed.receiver.stats
    assert sum(stats.unowned.values()) == 2000
    assert len(stats.unowned) <= COUNTED_SSRCS + 1
    assert stats.heard == 0


def test_an_ssrc_that_changes_hands_unannounced_is_whose_keys_open_it(sealed: Wire) -> None:
    sealed.receiver.map_ssrc(10, ANN, sealed.now)
    sealed.send(10, 1, Group.sealed(ANN))
    for number in range(2, 6):
        sealed.send(10, number, Group.sealed(BOB))
    sealed.send(10, 6, Group.sealed(ANN))
    assert [packet.user_id for packet in sealed.heard] == [ANN, BOB, BOB, BOB, BOB, ANN]
    assert sealed.receiver.stats.undecryptable == {}


def test_whose_keys_went_wrong_costs_a_bounded_number_of_tries(sealed: Wire) -> None:
    sealed.receiver.map_ssrc(10, ANN, sealed.now)
    for number in range(1000):
        sealed.send(10, number, Group.sealed(77))
    assert sealed.heard == []
    assert sealed.receiver.stats.undecryptable == {ANN: 1000}
    assert sealed.receiver._owners.tries <= TRIES_PER_SECOND


def test_an_unwilling_person_who_is_silent_hides_nobody_else() -> None:
    wire = Wire(Group(ANN, BOB))
    wire.without_consent.add(ANN)
    for number in range(10):
        for ssrc in (10, 11, 12):
            wire.send(ssrc, number, Group.sealed(77))
    assert wire.receiver.stats.without_consent == 10  # one of the three may be Ann's
    assert wire.receiver.stats.unowned == {11: 10, 12: 10}
    wire.without_consent.clear()
    wire.send(10, 11, Group.sealed(77))
    assert wire.receiver.stats.unowned[10] == 1


def test_old_news_of_somebody_leaving_makes_nobody_deaf_to_who_came_back(sealed: Wire) -> None:
    """Opcode 13 of the session before can come after the new one has spoken."""
    sealed.receiver.map_ssrc(11, ANN, sealed.now)
    sealed.send(11, 1, Group.sealed(ANN))
    sealed.receiver.forget_user(ANN)
    sealed.send(11, 2, Group.sealed(ANN))
    assert [packet.sequence for packet in sealed.heard] == [1, 2]


def test_silence_proves_that_nobody_was_heard_and_sound_that_somebody_was(sealed: Wire) -> None:
    sealed.receiver.map_ssrc(10, ANN, sealed.now)
    sealed.send(10, 1, SILENCE_FRAME)
    assert sealed.receiver.stats.heard == 0
    sealed.send(10, 2, Group.sealed(ANN))
    assert sealed.receiver.stats.heard == 1


def test_packets_of_padding_alone_are_not_lost(wire: Wire) -> None:
    wire.receiver.map_ssrc(10, ANN, wire.now)
    for number in range(1, 51):
        wire.send(10, number)
    for number in range(51, 101):
        wire.send(10, number, b"", padding=20)
    wire.send(10, 101)
    assert wire.receiver.stats.lost.get(ANN, 0) == 0
    assert wire.receiver.stats.malformed == 50
    wire.send(10, 105)
    assert wire.receiver.stats.lost[ANN] == 3
