"""Transport encryption between client and voice server: the two AEAD modes Discord still accepts.

The nonce is a 4-byte counter at the end of the packet, zero-padded to the algorithm's size; the RTP header is the
additional data. Source:
https://discord.com/developers/docs/topics/voice-connections#transport-encryption-modes
"""

import struct
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from bot.errors import VoiceError

AES256_GCM = "aead_aes256_gcm_rtpsize"
XCHACHA20_POLY1305 = "aead_xchacha20_poly1305_rtpsize"
PREFERENCE = (AES256_GCM, XCHACHA20_POLY1305)  # AES has hardware support on servers

NONCE_SIZE = 4
TAG_SIZE = 16
_NONCE = struct.Struct(">I")

_Crypt = Callable[[bytes, bytes, bytes], bytes]  # (nonce, data, additional data)


def choose_mode(offered: Sequence[str]) -> str:
    """Return the best mode the server offers; VoiceError when we know none of them."""
    for mode in PREFERENCE:
        if mode in offered:
            return mode
    raise VoiceError(f"the voice server offers no encryption mode we know: {', '.join(offered)}")


class TransportCipher:
    """Encrypts and decrypts the packets of one voice session with its 32-byte key."""

    def __init__(self, mode: str, key: bytes) -> None:
        self._counter = 0
        self._encrypt: _Crypt
        self._decrypt: _Crypt
        if mode == AES256_GCM:
            aes = AESGCM(key)
            self._nonce_padding = bytes(8)
            self._encrypt = aes.encrypt
            self._decrypt = aes.decrypt
        elif mode == XCHACHA20_POLY1305:
            self._nonce_padding = bytes(20)
            self._encrypt = lambda nonce, data, aad: crypto_aead_xchacha20poly1305_ietf_encrypt(data, aad, nonce, key)
            self._decrypt = lambda nonce, data, aad: crypto_aead_xchacha20poly1305_ietf_decrypt(data, aad, nonce, key)
        else:
            raise VoiceError(f"unknown encryption mode {mode}")

    def seal(self, header: bytes, payload: bytes) -> bytes:
        """Return the datagram of an RTP header and its payload."""
        self._counter = (self._counter + 1) & 0xFFFF_FFFF
        nonce = _NONCE.pack(self._counter)
        return header + self._encrypt(nonce + self._nonce_padding, payload, header) + nonce

    def open(self, datagram: bytes, header_size: int) -> bytes | None:
        """Return the decrypted payload behind `header_size` clear bytes; None when it is not authentic."""
        if len(datagram) < header_size + TAG_SIZE + NONCE_SIZE:
            return None
        nonce = datagram[-NONCE_SIZE:] + self._nonce_padding
        try:
            return self._decrypt(nonce, datagram[header_size:-NONCE_SIZE], datagram[:header_size])
        except (InvalidTag, CryptoError):
            return None
