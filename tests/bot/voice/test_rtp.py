"""Packets to and from bytes, hostile ones included."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice import rtp

PLAIN = struct.pack(">BBHII", 0x80, 0x78, 7, 960, 42) + b"payload"


def test_a_plain_header() -> None:
    header = rtp.parse_header(PLAIN)
    assert header == rtp.RtpHeader(7, 960, 42, 12, 0, False)


def test_the_extension_head_is_clear_and_its_body_is_not() -> None:
    datagram = struct.pack(">BBHIIHH", 0x90, 0x78, 7, 960, 42, 0xBEDE, 2) + b"payload"
    header = rtp.parse_header(datagram)
    assert header is not None
    assert (header.size, header.extension_size) == (16, 8)
    assert rtp.strip(b"extended" + b"opus", header) == b"opus"


def test_contributing_sources_belong_to_the_header() -> None:
    datagram = struct.pack(">BBHIIII", 0x82, 0x78, 7, 960, 42, 1, 2) + b"payload"
    header = rtp.parse_header(datagram)
    assert header is not None
    assert header.size == 20


def test_padding_is_stripped() -> None:
    header = rtp.RtpHeader(1, 1, 1, 12, 0, True)
    assert rtp.strip(b"opus\x00\x00\x03", header) == b"opus"


@pytest.mark.parametrize("payload", [b"", b"\x00", b"ab\x09"])
def test_impossible_padding(payload: bytes) -> None:
    assert rtp.strip(payload, rtp.RtpHeader(1, 1, 1, 12, 0, True)) is None


def test_an_extension_longer_than_the_payload() -> None:
    assert rtp.strip(b"1234", rtp.RtpHeader(1, 1, 1, 16, 8, False)) is None


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80\x78",
        PLAIN[:12],  # a header and nothing behind it
        b"\x40" + PLAIN[1:],  # version 1
        b"\x80\xc8" + PLAIN[2:],  # RTCP sender report
        b"\x80\x66" + PLAIN[2:],  # another payload type
        struct.pack(">BBHII", 0x9F, 0x78, 7, 960, 42) + b"short",  # 15 sources, none there
        struct.pack(">BBHIIH", 0x90, 0x78, 7, 960, 42, 0xBEDE),  # half an extension head
    ],
)
def test_what_is_no_packet_of_ours(datagram: bytes) -> None:
    assert rtp.parse_header(datagram) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(datagram: bytes) -> None:
    header = rtp.parse_header(datagram)
    if header is not None:
        rtp.strip(datagram[header.size :], header)


def test_a_built_header_wraps_and_parses() -> None:
    header = rtp.parse_header(rtp.build_header(0x1_0005, 0x1_0000_0007, 9) + b"x")
    assert header is not None
    assert (header.sequence, header.timestamp, header.ssrc) == (5, 7, 9)
