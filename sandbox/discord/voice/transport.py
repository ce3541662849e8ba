"""RTP with Discord's transport encryption: the two rtpsize AEAD modes, as the voice server and people use them.

Source: https://discord.com/developers/docs/topics/voice-connections#transport-encryption-and-sending-voice
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings
from nacl.exceptions import CryptoError

AES256_GCM = "aead_aes256_gcm_rtpsize"
XCHACHA20_POLY1305 = "aead_xchacha20_poly1305_rtpsize"
MODES = (AES256_GCM, XCHACHA20_POLY1305)

PAYLOAD_TYPE_OPUS = 0x78
VIDEO, RETRANSMISSION = 0x65, 0x66  # payload types of H.264 and of what of it is sent again
HEADER_SIZE = 12
NONCE_SIZE = 4
# RFC 8285 one-byte extension, id 1: the level by which Discord tells clients how loud the speaker is.
LEVEL_EXTENSION_HEAD = struct.pack(">HH", 0xBEDE, 1)
LEVEL_EXTENSION_BODY = bytes([0x10, 0x7F, 0, 0])
#: The same in RFC 8285's two-byte form, and one of a profile that nobody knows: (head, body).
EXTENSIONS = {
    "one byte": (LEVEL_EXTENSION_HEAD, LEVEL_EXTENSION_BODY),
    "two bytes": (struct.pack(">HH", 0x1000, 2), bytes([1, 1, 0x7F, 2, 2, 0, 0, 0])),
    "unknown": (struct.pack(">HH", 0xABCD, 5), bytes(range(20))),
}


class TransportError(ValueError):
    """A datagram that is no RTP packet of this session."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A decrypted RTP packet: the media without extension body or padding."""

    sequence: int  # 16 bits
    timestamp: int  # 32 bits, 48 kHz
    ssrc: int
    payload: bytes


def is_rtp(datagram: bytes) -> bool:
    """Whether a datagram can be RTP rather than RTCP (packet types 200 to 204) or IP discovery."""
    return len(datagram) >= HEADER_SIZE + NONCE_SIZE and datagram[0] >> 6 == 2 and datagram[1] & 0x7F == 0x78


class Cipher:
    """One direction of one session: encrypts with a running nonce, decrypts any."""

    def __init__(self, mode: str, key: bytes) -> None:
        self._nonce = 0
        self._key = key
        self._nonce_padding = bytes(8 if mode == AES256_GCM else 20)
        self._seal: Callable[[bytes, bytes, bytes], bytes]
        self._unseal: Callable[[bytes, bytes, bytes], bytes]
        if mode == AES256_GCM:
            aes = AESGCM(key)
            self._seal = lambda nonce, data, aad: aes.encrypt(nonce, data, aad)
            self._unseal = lambda nonce, data, aad: aes.decrypt(nonce, data, aad)
        elif mode == XCHACHA20_POLY1305:
            self._seal = lambda nonce, data, aad: bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
                data, aad, nonce, key
            )
            self._unseal = lambda nonce, data, aad: bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                data, aad, nonce, key
            )
        else:
            raise TransportError(f"unknown mode {mode}")

    def encrypt(
        self,
        packet: Packet,
        *,
        extension: str = "none",
        padding: int = 0,
        payload_type: int = PAYLOAD_TYPE_OPUS,
    ) -> bytes:
        """The datagram that carries `packet`; `padding` is in bytes, its own count included (RFC 3550 section 5.1), and
        `extension` one of `EXTENSIONS` or none."""
        extended = EXTENSIONS.get(extension)
        first = 0x80 | (0x10 if extended else 0) | (0x20 if padding else 0)
        header = struct.pack(">BBHII", first, payload_type, packet.sequence, packet.timestamp, packet.ssrc)
        body = packet.payload
        if padding:
            body += bytes(padding - 1) + bytes([padding])
        if extended:
            header += extended[0]
            body = extended[1] + body
        self._nonce = (self._nonce + 1) & 0xFFFF_FFFF
        nonce = struct.pack(">I", self._nonce)
        return header + self._seal(nonce + self._nonce_padding, body, header) + nonce

    def decrypt(self, datagram: bytes) -> Packet:
        """The packet inside `datagram`; TransportError when it is not one of this session's."""
        if not is_rtp(datagram):
            raise TransportError("not an RTP audio packet")
        first, _, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", datagram)
        head = HEADER_SIZE + 4 * (first & 0x0F)
        extension = 0
        if first & 0x10:
            if len(datagram) < head + 4:
                raise TransportError("truncated extension")
            extension = 4 * int(struct.unpack_from(">H", datagram, head + 2)[0])
            head += 4
        nonce = datagram[-NONCE_SIZE:] + self._nonce_padding
        try:
            body = self._unseal(nonce, datagram[head:-NONCE_SIZE], datagram[:head])
        except (CryptoError, InvalidTag, ValueError) as error:
            raise TransportError("authentication failed") from error
        body = body[extension:]
        if first & 0x20 and body:
            body = body[: -body[-1]]
        return Packet(sequence, timestamp, ssrc, body)
