"""RTP as Discord uses it: one packet to and from bytes, and sequence arithmetic.

Sources: RFC 3550 section 5.1, RFC 8285 (header extensions), and
https://discord.com/developers/docs/topics/voice-connections#transport-encryption-and-sending-voice
"""

import struct
from dataclasses import dataclass

PAYLOAD_TYPE_OPUS = 0x78
SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = 960  # 20 ms
HEADER_SIZE = 12
_HEADER = struct.Struct(">BBHII")


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """The clear part of a packet on the wire.

    `size` is the bytes that stay in clear and are authenticated: fixed header, CSRCs and, when there is an extension,
    its 4-byte head. `extension_size` bytes of extension body stand first in the decrypted payload.
    """

    sequence: int  # 16 bits
    timestamp: int  # 32 bits, 48 kHz
    ssrc: int
    size: int
    extension_size: int
    padded: bool


def parse_header(datagram: bytes) -> RtpHeader | None:
    """Return the header of an Opus RTP packet; None for anything else (RTCP, discovery, garbage, truncation)."""
    if len(datagram) < HEADER_SIZE:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != 2 or second & 0x7F != PAYLOAD_TYPE_OPUS:
        return None
    size = HEADER_SIZE + 4 * (first & 0x0F)
    extension_size = 0
    if first & 0x10:
        if len(datagram) < size + 4:
            return None
        extension_size = 4 * int.from_bytes(datagram[size + 2 : size + 4], "big")
        size += 4
    if len(datagram) <= size:
        return None
    return RtpHeader(sequence, timestamp, ssrc, size, extension_size, bool(first & 0x20))


def strip(payload: bytes, header: RtpHeader) -> bytes | None:
    """Return the media in a decrypted payload, without extension body and padding; None when their sizes do not fit."""
    end = len(payload)
    if header.padded:
        if not payload or not 0 < payload[-1] <= end:
            return None
        end -= payload[-1]
    if header.extension_size > end:
        return None
    return payload[header.extension_size : end]


def build_header(sequence: int, timestamp: int, ssrc: int) -> bytes:
    """Return the 12-byte header of a packet to send; sequence and timestamp wrap by themselves."""
    return _HEADER.pack(0x80, PAYLOAD_TYPE_OPUS, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc)
