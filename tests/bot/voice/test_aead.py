"""Both transport modes, against the sandbox's own implementation of them."""

import pytest

from bot.errors import VoiceError
from bot.voice import aead, rtp
from sandbox.discord.voice import transport

KEY = bytes(range(32))
HEADER = rtp.build_header(5, 960, 77)


@pytest.mark.parametrize("mode", aead.PREFERENCE)
def test_what_we_seal_the_server_opens(mode: str) -> None:
    datagram = aead.TransportCipher(mode, KEY).seal(HEADER, b"opus")
    packet = transport.Cipher(mode, KEY).decrypt(datagram)
    assert (packet.sequence, packet.timestamp, packet.ssrc, packet.payload) == (5, 960, 77, b"opus")


@pytest.mark.parametrize("mode", aead.PREFERENCE)
@pytest.mark.parametrize("padding", [0, 7])
def test_what_the_server_seals_we_open(mode: str, padding: int) -> None:
    packet = transport.Packet(5, 960, 77, b"opus")
    datagram = transport.Cipher(mode, KEY).encrypt(packet, extension="one byte", padding=padding)
    header = rtp.parse_header(datagram)
    assert header is not None
    payload = aead.TransportCipher(mode, KEY).open(datagram, header.size)
    assert payload is not None
    assert rtp.strip(payload, header) == b"opus"


@pytest.mark.parametrize("mode", aead.PREFERENCE)
def test_a_changed_byte_is_noticed_wherever_it_is(mode: str) -> None:
    datagram = aead.TransportCipher(mode, KEY).seal(HEADER, b"opus")
    for position in range(len(datagram)):
        broken = bytearray(datagram)
        broken[position] ^= 1
        assert aead.TransportCipher(mode, KEY).open(bytes(broken), 12) is None


@pytest.mark.parametrize("mode", aead.PREFERENCE)
def test_too_short_to_be_sealed(mode: str) -> None:
    assert aead.TransportCipher(mode, KEY).open(HEADER + bytes(19), 12) is None


@pytest.mark.parametrize("mode", aead.PREFERENCE)
def test_no_nonce_is_used_twice(mode: str) -> None:
    cipher = aead.TransportCipher(mode, KEY)
    assert len({cipher.seal(HEADER, b"opus")[-4:] for _ in range(100)}) == 100


def test_aes_is_preferred_when_it_is_offered() -> None:
    assert aead.choose_mode(["aead_xchacha20_poly1305_rtpsize", "aead_aes256_gcm_rtpsize"]) == aead.AES256_GCM
    assert aead.choose_mode(["xsalsa20_poly1305", aead.XCHACHA20_POLY1305]) == aead.XCHACHA20_POLY1305


def test_no_known_mode() -> None:
    with pytest.raises(VoiceError, match="xsalsa20_poly1305"):
        aead.choose_mode(["xsalsa20_poly1305"])
    with pytest.raises(VoiceError):
        aead.TransportCipher("xsalsa20_poly1305", KEY)
