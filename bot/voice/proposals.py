"""Which adds of members are proposed and not yet committed to, read from the voice gateway's opcode 27. Pure.

davey votes on proposals by itself, but its commit carries a Welcome only if what came last was an add: when one of
several pending adds is taken back, the others' Welcome is missing (davey 0.1.7), and a commit that adds members without
one is refused (https://daveprotocol.com, opcode 28). So we remember which adds are pending; one of them, put before
davey once more, makes it whole.

The structures are RFC 9420's: sections 5.2 (references), 6 (framing), 7.2 (leaf nodes), 10 (key packages), 12.1.
"""

import hashlib
import struct

_PUBLIC_MESSAGE = b"\x00\x01\x00\x01"  # MLS 1.0, a public message
_EXTERNAL, _PROPOSAL = 2, 2  # sender type, content type
_ADD, _REMOVE = 1, 3
_CREDENTIAL_BASIC = 1
_FROM_KEY_PACKAGE, _FROM_COMMIT = 1, 3  # a leaf node's source
_LABEL = b"MLS 1.0 Proposal Reference"


class PendingAdds:
    """The adds that are proposed and not committed. It is told of every opcode 27 payload, without its first byte, in
    order; what cannot be read is nothing pending."""

    def __init__(self) -> None:
        self._adds: dict[bytes, bytes] = {}  # by reference: the message that proposed it

    def append(self, payload: bytes) -> None:
        """Add proposals that have arrived since."""
        try:
            messages = _Reader(_Reader(payload).vector())
            while not messages.done:
                message, is_add = _proposal(messages)
                if is_add:
                    self._adds[_reference(message[2:])] = message
        except ValueError:
            self._adds.clear()

    def revoke(self, payload: bytes) -> None:
        """Remove proposals that were taken back."""
        try:
            references = _Reader(_Reader(payload).vector())
            while not references.done:
                self._adds.pop(references.vector(), None)
        except ValueError:
            self._adds.clear()

    def clear(self) -> None:
        """Forget what is pending, since an epoch began."""
        self._adds.clear()

    def one(self) -> bytes | None:
        """Return a payload that proposes one of the pending adds once more; None when there is none."""
        message = next(iter(self._adds.values()), None)
        return None if message is None else vector(message)


def vector(data: bytes) -> bytes:
    """Return `data` behind its length (RFC 9420 section 2.1.2)."""
    size = len(data)
    if size < 0x40:
        return bytes([size]) + data
    head = struct.pack(">H", 0x4000 | size) if size < 0x4000 else struct.pack(">I", 0x8000_0000 | size)
    return head + data


def _reference(authenticated: bytes) -> bytes:
    return hashlib.sha256(vector(_LABEL) + vector(authenticated)).digest()


class _Reader:
    """From the front of a buffer; ValueError when it runs out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise ValueError("truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self) -> bytes:
        first = self.number(1)
        more = (1 << (first >> 6)) - 1
        if more > 3:
            raise ValueError("a length of eight bytes")
        return self.take((first & 0x3F) << 8 * more | self.number(more))

    def skip_vectors(self, count: int) -> None:
        for _ in range(count):
            self.vector()


def _proposal(reader: _Reader) -> tuple[bytes, bool]:
    """Read the next message and whether it proposes an add; ValueError when it is not from the voice server."""
    begin = reader.at
    if reader.take(4) != _PUBLIC_MESSAGE:
        raise ValueError("no public message")
    reader.vector()  # group id
    reader.take(8)  # epoch
    if reader.number(1) != _EXTERNAL:
        raise ValueError("not from the external sender")
    reader.take(4)  # which one
    reader.vector()  # authenticated data
    if reader.number(1) != _PROPOSAL:
        raise ValueError("no proposal")
    kind = reader.number(2)
    if kind == _ADD:
        _skip_key_package(reader)
    elif kind == _REMOVE:
        reader.take(4)
    else:
        raise ValueError("a proposal of another kind")
    reader.vector()  # signature
    return reader.data[begin : reader.at], kind == _ADD


def _skip_key_package(reader: _Reader) -> None:
    reader.take(4)  # version, cipher suite
    reader.skip_vectors(3)  # init key, encryption key, signature key
    if reader.number(2) != _CREDENTIAL_BASIC:
        raise ValueError("a credential of another kind")
    reader.skip_vectors(6)  # identity; capabilities: versions, cipher suites, extensions, proposals, credentials
    source = reader.number(1)
    if source == _FROM_KEY_PACKAGE:
        reader.take(16)  # lifetime
    elif source == _FROM_COMMIT:
        reader.vector()  # parent hash
    reader.skip_vectors(4)  # the leaf's extensions and signature, the key package's
