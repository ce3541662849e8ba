"""From datagram to packet: whose it is, what is dropped, what is held until its owner is known."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.consent import Unwilling
from bot.voice import aead
from bot.voice.dave import DaveSession
from bot.voice.receive import HELD_PER_SSRC, HELD_SECONDS, HELD_SSRCS, OpusPacket, Receiver
from sandbox.discord.voice import transport

KEY = bytes(range(32))
ANN, BOB = 2002, 3003


class Wire:
    """A receiver, and a server's cipher to feed it with."""

    def __init__(self) -> None:
        self.heard: list[OpusPacket] = []
        self.now = 0.0
        self.unwilling: set[int] = set()
        dave = DaveSession(1001, 1)
        dave.start(0)
        self.receiver = Receiver(dave, self.heard.append, self.unwilling)
        self.receiver.use(aead.TransportCipher(aead.XCHACHA20_POLY1305, KEY))
        self.server = transport.Cipher(aead.XCHACHA20_POLY1305, KEY)

    def send(self, ssrc: int, sequence: int = 1, payload: bytes = b"opus", **quirks: int) -> None:
        packet = transport.Packet(sequence, sequence * 960, ssrc, payload)
        self.receiver.receive(
            self.server.encrypt(
                packet, level_extension=bool(quirks.get("extension")), padding=quirks.get("padding", 0)
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
    wire.unwilling.add(ANN)
    wire.send(10)
    wire.receiver.receive(b"\x80\x78" + struct.pack(">HII", 1, 960, 10) + bytes(40), wire.now)  # nor authenticated
    stats = wire.receiver.stats
    assert (stats.unwilling, stats.received, stats.not_authentic) == (2, 0, 0)


def test_where_people_are_asked_first_a_stranger_waits_for_a_name_and_is_heard_if_willing(wire: Wire) -> None:
    unwilling = Unwilling(ask_first=True)
    unwilling.hear(ANN, True)
    wire.receiver._unwilling = unwilling
    for ssrc in (10, 11):
        wire.send(ssrc)
    wire.receiver.map_ssrc(10, ANN, wire.now)
    wire.receiver.map_ssrc(11, BOB, wire.now)
    assert [packet.user_id for packet in wire.heard] == [ANN]
    assert wire.receiver.stats.unwilling == 1


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
    wire.unwilling.add(BOB)
    wire.send(10, 61)
    wire.unwilling.clear()
    wire.send(10, 90)  # nor was it lost what he did not want to be heard
    assert wire.receiver.stats.lost == {ANN: 8}
