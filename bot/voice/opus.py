"""Opus, 48 kHz mono, 20 ms frames, through libopus.

ctypes on purpose: its calls release the GIL, so one thread can code sound while another runs Python. The library is
the system's, else the one inside PyAV's wheel (the extra `opus`).
Source: https://opus-codec.org/docs/opus_api-1.5/, RFC 6716.
"""

import ctypes
import ctypes.util
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.errors import VoiceError

SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = 960
SILENCE_FRAME = b"\xf8\xff\xfe"
MAX_SAMPLES = 5760  # 120 ms, the longest Opus packet
MAX_PACKET = 1275

_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS = 4002, 4010, 4012, 4014

#: Of a packet's first byte (RFC 6716, section 3.1): configurations, which are its upper five bits, and a flag.
_FIRST_HYBRID, _FIRST_CELT = 12, 16
_STEREO = 0b100
#: Of the first byte of a frame of 20 ms (section 4.2.3): each channel has a flag for voice activity, and this one.
_LBRR, _SIDE_LBRR = 0b0100_0000, 0b0001_0000

#: Of a packet of several frames (section 3.2): a length of two bytes begins so; flags and a count.
_LONG, _LENGTHS, _PADDED, _COUNT = 252, 0b1000_0000, 0b0100_0000, 0b0011_1111

#: Percent of packets that libopus is told will be lost; it decides whether in-band FEC is worth its bits. With 5 there
#: is none at 32 kbit/s, with 10 there is from 24 on (below that at no value), for 0.1 to 0.3 dB of the clean spectrum.
EXPECTED_LOSS = 10

Pcm = NDArray[np.int16]


class OpusError(VoiceError):
    """libopus is missing, or refused a packet."""


def _find_library() -> str:
    system = ctypes.util.find_library("opus")
    if system is not None:
        return system
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            for candidate in sorted(folder.glob("libopus*")):
                return str(candidate)
    raise OpusError(
        "libopus is not installed: apt install libopus0, brew install opus, or install Parley with its extra `opus`"
    )


@cache
def library() -> ctypes.CDLL:
    """Return the loaded libopus; OpusError with what to install when there is none."""
    try:
        lib = ctypes.CDLL(_find_library())
    except OSError as error:
        raise OpusError(f"libopus cannot be loaded: {error}") from error
    pointer, int32 = ctypes.c_void_p, ctypes.c_int32
    lib.opus_strerror.restype = ctypes.c_char_p
    lib.opus_get_version_string.restype = ctypes.c_char_p
    lib.opus_decoder_create.argtypes = [int32, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    lib.opus_decoder_create.restype = pointer
    lib.opus_decoder_destroy.argtypes = [pointer]
    lib.opus_decoder_destroy.restype = None
    lib.opus_decode.argtypes = [pointer, ctypes.c_char_p, int32, pointer, ctypes.c_int, ctypes.c_int]
    lib.opus_encoder_create.argtypes = [int32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    lib.opus_encoder_create.restype = pointer
    lib.opus_encoder_destroy.argtypes = [pointer]
    lib.opus_encoder_destroy.restype = None
    # Only the fixed ones: on Apple silicon variadic arguments travel differently, and this is how ctypes is told.
    lib.opus_encoder_ctl.argtypes = [pointer, ctypes.c_int]
    lib.opus_encode.argtypes = [pointer, pointer, ctypes.c_int, ctypes.c_char_p, int32]
    lib.opus_encode.restype = int32
    return lib


def version() -> str:
    """Return libopus's own name and version."""
    return str(library().opus_get_version_string().decode())


def _check(code: int) -> int:
    if code < 0:
        raise OpusError(f"libopus: {library().opus_strerror(code).decode()}")
    return code


def _first_frame(packet: bytes) -> int:
    """Where a packet's first frame begins (RFC 6716, section 3.2); IndexError when it is cut short before that."""
    code = packet[0] & 0b11
    if code < 2:
        return 1
    if code == 2:
        return 2 + (packet[1] >= _LONG)
    about, at = packet[1], 2
    if about & _PADDED:
        while packet[at] == 255:
            at += 1
        at += 1
    if about & _LENGTHS:  # of all frames but the last
        for _ in range((about & _COUNT) - 1):
            at += 1 + (packet[at] >= _LONG)
    return at


class Decoder:
    """One speaker's decoder. Frames are int16 mono; a decoder remembers the past, so each speaker needs its own."""

    def __init__(self) -> None:
        self._lib = library()
        error = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        _check(error.value)
        self._buffer: Pcm = np.empty(MAX_SAMPLES, np.int16)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)

    def decode(self, packet: bytes) -> Pcm:
        """Return the samples of a packet, usually 960; OpusError when it is not Opus."""
        if not packet:  # libopus would take that for a loss, and make 120 ms of it
            raise OpusError("an empty packet")
        return self._decode(packet, len(packet), MAX_SAMPLES, 0)

    def decode_fec(self, following: bytes) -> Pcm:
        """Return the lost frame before `following`, from its in-band FEC (RFC 6716 section 2.1.7) or by concealment."""
        return self._decode(following, len(following), SAMPLES_PER_FRAME, 1)

    @staticmethod
    def has_fec(packet: bytes) -> bool:
        """Whether a packet repeats the 20 ms before it: its first frame is SILK or hybrid, no longer than that, and has
        its LBRR flag set (RFC 6716, sections 3.1, 3.2 and 4.2.3). libopus conceals when it is asked for what is not
        there."""
        try:
            config, flags = packet[0] >> 3, packet[_first_frame(packet)]
        except IndexError:
            return False
        if config >= _FIRST_CELT or (config < _FIRST_HYBRID and config % 4 > 1):
            return False
        return bool(flags & (_LBRR | (_SIDE_LBRR if packet[0] & _STEREO else 0)))

    def conceal(self) -> Pcm:
        """Return 20 ms of packet loss concealment."""
        return self._decode(None, 0, SAMPLES_PER_FRAME, 0)

    def _decode(self, packet: bytes | None, size: int, room: int, fec: int) -> Pcm:
        samples = _check(self._lib.opus_decode(self._state, packet, size, self._buffer.ctypes.data, room, fec))
        return self._buffer[:samples].copy()


class Encoder:
    """The voicebot's encoder: mono speech. `bitrate` in bit/s, `complexity` 0 to 10 (CPU against quality)."""

    def __init__(self, *, bitrate: int = 64_000, complexity: int = 5, expected_loss: int = EXPECTED_LOSS) -> None:
        self._lib = library()
        error = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(SAMPLE_RATE, 1, _APPLICATION_VOIP, ctypes.byref(error))
        _check(error.value)
        self._packet = ctypes.create_string_buffer(MAX_PACKET)
        self.set_bitrate(bitrate)
        self._control(_SET_COMPLEXITY, complexity)
        self._control(_SET_INBAND_FEC, 1)
        self._control(_SET_PACKET_LOSS, expected_loss)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)

    def set_bitrate(self, bitrate: int) -> None:
        """Set the bit rate from the next frame on, in bit/s."""
        self._control(_SET_BITRATE, bitrate)

    def _control(self, request: int, value: int) -> None:
        _check(self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)))

    def encode(self, frame: Pcm) -> bytes:
        """Return the packet of 960 samples; OpusError for any other length Opus does not know."""
        size = _check(self._lib.opus_encode(self._state, frame.ctypes.data, len(frame), self._packet, MAX_PACKET))
        return self._packet.raw[:size]
