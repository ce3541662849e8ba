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
    "payload_of_60000_bytes",
}


def test_the_files_are_what_their_names_say() -> None:
    assert {file.stem: file.read_bytes() for file in FILES} == hostile.cases()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_hostile_packet_between_good_ones(file: Path) -> None:
    """Ann is heard before it, with it and after it."""
    target = fuzz.Target()
    target.receiver.map_ssrc(hostile.SSRC, fuzz.ANN)
    frames = 0
    for number, packet in enumerate(vowel_packets()[:60]):
        header = hostile.header(sequence=number, timestamp=number * 960)
        target.receiver.receive(hostile.seal(header, packet, nonce=number + 1))
        if number == 30:
            target.receiver.receive(file.read_bytes())
        frames += target.tick()
    assert frames >= 45
    assert set(target.speakers) == {fuzz.ANN}
    stats = target.receiver.stats
    dropped = stats.not_rtp + stats.not_authentic + stats.malformed + stats.unknown_ssrc
    opus = file.stem.startswith(("opus_", "dave_"))
    assert dropped == (0 if opus or file.stem in HARMLESS else 1)


def test_twenty_thousand_mutations() -> None:
    outcome = fuzz.run(20_000, seed=1)
    assert outcome.failures == []
    assert outcome.heard > 10_000
    assert outcome.dropped > 500
    assert outcome.frames > 5_000
