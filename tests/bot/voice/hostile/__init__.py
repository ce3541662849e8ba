"""Hostile RTP, one datagram per file, named after its case.

`python -m tests.bot.voice.hostile` writes the files anew. Nearly all are authentic, sealed with `KEY` in the mode
`aead_xchacha20_poly1305_rtpsize`, because what a member of the call can send is the worst that can arrive.
"""

import struct
from pathlib import Path

from nacl import bindings

FOLDER = Path(__file__).parent
KEY = bytes(range(32))
SSRC = 7
#: A 20 ms Opus packet of speech-like sound would do as well; this one is what a client sends for silence.
OPUS = b"\xf8\xff\xfe"


def seal(header: bytes, body: bytes, *, nonce: int = 1) -> bytes:
    """A datagram as the voice server would send it, whatever the header claims."""
    counter = struct.pack(">I", nonce)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(body, header, counter + bytes(20), KEY)
    return header + bytes(sealed) + counter


def header(
    *,
    first: int = 0x80,
    second: int = 0x78,
    sequence: int = 1,
    timestamp: int = 960,
    ssrc: int = SSRC,
    more: bytes = b"",
) -> bytes:
    """An RTP header with any bits."""
    return struct.pack(">BBHII", first, second, sequence, timestamp, ssrc) + more


def extension(words: int) -> bytes:
    """The head of an extension that claims to be so many 32-bit words long."""
    return struct.pack(">HH", 0xBEDE, words)


def cases() -> dict[str, bytes]:
    """Every case by name."""
    plain = header()
    return {
        "empty": b"",
        "one_byte": b"\x80",
        "header_only": plain,
        "header_and_nonce_only": plain + bytes(4),
        "shorter_than_the_tag": plain + bytes(12),
        "all_zero": bytes(60),
        "all_ones": b"\xff" * 60,
        "not_authentic": plain + bytes(40),
        "another_key": plain + bytes(range(60)),
        "version_0": seal(header(first=0x00), OPUS),
        "version_1": seal(header(first=0x40), OPUS),
        "version_3": seal(header(first=0xC0), OPUS),
        "rtcp_sender_report": seal(header(second=200), bytes(24)),
        "payload_type_of_video": seal(header(second=0x65), bytes(500)),
        "fifteen_csrcs_that_are_not_there": seal(header(first=0x8F), OPUS),
        "fifteen_csrcs": seal(header(first=0x8F, more=bytes(60)), OPUS),
        "extension_without_its_head": header(first=0x90) + b"\xbe",
        "extension_longer_than_the_packet": seal(header(first=0x90, more=extension(500)), bytes(8) + OPUS),
        "extension_of_65535_words": seal(header(first=0x90, more=extension(0xFFFF)), OPUS),
        "extension_that_is_all": seal(header(first=0x90, more=extension(2)), bytes(8)),
        "extension_of_no_words": seal(header(first=0x90, more=extension(0)), OPUS),
        "padding_of_0": seal(header(first=0xA0), OPUS + b"\x00"),
        "padding_longer_than_the_packet": seal(header(first=0xA0), OPUS + b"\xff"),
        "padding_that_is_all": seal(header(first=0xA0), bytes(2) + b"\x03"),
        "padding_flag_and_nothing_else": seal(header(first=0xA0), b""),
        "padding_and_extension_overlap": seal(header(first=0xB0, more=extension(2)), bytes(9) + b"\x05"),
        "no_payload": seal(plain, b""),
        "payload_of_one_byte": seal(plain, b"\x00"),
        "opus_of_120_ms": seal(plain, b"\x1f\x06" + bytes(6)),
        "opus_of_121_ms": seal(plain, b"\x1f\x3f" + bytes(70)),
        "opus_code_3_without_count": seal(plain, b"\xfb"),
        "opus_lengths_beyond_the_end": seal(plain, b"\xfa\xff\xff\x00"),
        "opus_of_random_bytes": seal(plain, bytes((number * 167 + 13) % 256 for number in range(400))),
        "payload_of_60000_bytes": seal(plain, bytes(60_000)),
        "dave_marker_on_nothing": seal(plain, b"\xfa\xfa"),
        "dave_size_beyond_the_start": seal(plain, OPUS + bytes(8) + b"\xff\xfa\xfa"),
        "dave_ranges_without_end": seal(plain, OPUS + b"\xff" * 20 + b"\x1e\xfa\xfa"),
        "timestamp_at_the_wrap": seal(header(timestamp=0xFFFF_FFFF, sequence=0xFFFF), OPUS),
        "timestamp_a_day_ahead": seal(header(timestamp=48_000 * 40_000), OPUS),
        "sequence_a_jump_ahead": seal(header(sequence=40_000), OPUS),
        "unknown_ssrc": seal(header(ssrc=0xDEAD), OPUS),
        "ssrc_0": seal(header(ssrc=0), OPUS),
    }


def write() -> None:
    """Write the files."""
    for name, datagram in cases().items():
        (FOLDER / f"{name}.bin").write_bytes(datagram)
