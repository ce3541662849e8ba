"""Packets made to break a parser: dropped and counted, or played; never an exception, never somebody else's voice."""

from pathlib import Path

import pytest

from tests import fuzz
from tests.bot.bridge.lines import vowel_packets
from tests.bot.voice import hostile

FILES = sorted(hostile.FOLDER.glob("*.bin"))
#: What may reach a speaker: well-formed RTP, whatever its Opus is worth.
HARMLESS = {
    "extension_of_no_words",
    "fifteen_csrcs",
    "payload_of_one_byte",
    "timestamp_at_the_wrap",
    "timestamp_a_day_ahead",
    "sequence_a_jump_ahead",
    "payload_of_60000_bytes",
}


def test_the_files_are_what_their_names_say() -> None:
    assert {file.stem: file.read_bytes() for file in FILES} == hostile.cases()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_hostile_packet_between_good_ones(file: Path) -> None:
    """Ann is heard before it, with it and after it. What is meant for DAVE meets DAVE."""
    meant_for_dave = file.stem.startswith("dave_")
    target = fuzz.Target(encrypted=meant_for_dave)
    assert _heard_around(target, file.read_bytes()) >= 45
    assert set(target.speakers) == {fuzz.ANN}
    stats = target.receiver.stats
    dropped = stats.not_rtp + stats.not_authentic + stats.malformed + stats.unknown_ssrc
    assert sum(stats.undecryptable.values()) == (1 if meant_for_dave else 0)
    opus = file.stem.startswith(("opus_", "dave_"))
    assert dropped == (0 if opus or file.stem in HARMLESS else 1)


def _heard_around(target: fuzz.Target, hostile_packet: bytes) -> int:
    """Frames heard of 60, with something hostile in their midst."""
    target.receiver.map_ssrc(hostile.SSRC, fuzz.ANN, 0.0)
    frames = 0
    for number, packet in enumerate(vowel_packets()[:60]):
        header = hostile.header(sequence=number, timestamp=number * 960)
        target.receive(hostile.seal(header, target.frame(packet), nonce=number + 1))
        if number == 30:
            target.receive(hostile_packet)
        frames += target.tick()
    return frames


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_same_packet_many_times(encrypted: bool) -> None:
    target = fuzz.Target(encrypted=encrypted)
    target.receiver.map_ssrc(hostile.SSRC, fuzz.ANN, 0.0)
    frames = 0
    for number, packet in enumerate(vowel_packets()[:60]):
        header = hostile.header(sequence=number, timestamp=number * 960)
        datagram = hostile.seal(header, target.frame(packet), nonce=number + 1)
        for _ in range(5):
            target.receive(datagram)
        frames += target.tick()
    assert frames >= 50
    stats = target.speakers[fuzz.ANN].buffer.stats
    assert stats.played <= 60
    assert stats.duplicate + sum(target.receiver.stats.undecryptable.values()) + stats.late == 4 * 60


@pytest.mark.parametrize("encrypted", [False, True])
def test_ten_thousand_mutations(encrypted: bool) -> None:
    outcome = fuzz.run(10_000, seed=1, encrypted=encrypted)
    assert outcome.failures == []
    assert outcome.heard > (1_500 if encrypted else 5_000)
    assert outcome.dropped > 250
    assert outcome.frames > (1_000 if encrypted else 2_500)
    assert outcome.undecryptable > 1_000 or not encrypted
