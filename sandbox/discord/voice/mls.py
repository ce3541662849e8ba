"""The few MLS structures a DAVE voice server reads and writes, in TLS presentation language.

The voice server is an MLS *external sender* (RFC 9420 section 12.1.8.1): it proposes who joins and leaves but holds
no group secret, so it only encodes structures, signs them with P-256 and finds boundaries in what members send.

Payloads of the voice gateway (https://daveprotocol.com, opcodes 25 to 30):

    25 external sender   signature_key<V> | u16 credential_type = 1 | identity<V>
    26 key package       a bare KeyPackage
    27 proposals         u8 0 (append) | MLSMessage proposals<V>      or      u8 1 (revoke) | ProposalRef refs<V>
    28 commit, welcome   MLSMessage(Commit) | Welcome, with no length between the two
    29 announce commit   u16 transition_id | MLSMessage(Commit)
    30 welcome           u16 transition_id | Welcome with the secrets of its one receiver

Where `<V>` is a vector with RFC 9420's variable-size length header (section 2.1.2).
"""

import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MLS_VERSION = 1
CIPHER_SUITE = 2  # MLS_128_DHKEMP256_AES128GCM_SHA256_P256
WIRE_FORMAT_PUBLIC_MESSAGE = 1
CONTENT_PROPOSAL, CONTENT_COMMIT = 2, 3
SENDER_MEMBER, SENDER_EXTERNAL = 1, 2
PROPOSAL_ADD, PROPOSAL_REMOVE = 1, 3


class MlsError(ValueError):
    """A member sent bytes that are not the structure the opcode calls for."""


def vector(data: bytes) -> bytes:
    """`data` behind RFC 9420's variable-size length header (1, 2 or 4 bytes)."""
    size = len(data)
    if size < 1 << 6:
        return bytes([size]) + data
    if size < 1 << 14:
        return struct.pack(">H", 0x4000 | size) + data
    return struct.pack(">I", 0x8000_0000 | size) + data


class Reader:
    """Reads TLS presentation language from the front of a buffer; raises MlsError when it runs out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def done(self) -> bool:
        return self.position >= len(self.data)

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise MlsError("truncated structure")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self) -> bytes:
        first = self.integer(1)
        length_size = 1 << (first >> 6)
        if length_size == 8:
            raise MlsError("invalid vector length")
        rest = self.take(length_size - 1)
        size = int.from_bytes(bytes([first & 0x3F]) + rest, "big")
        return self.take(size)

    def expect(self, size: int, value: int, what: str) -> None:
        seen = self.integer(size)
        if seen != value:
            raise MlsError(f"{what}: expected {value}, got {seen}")


def _reference(label: str, value: bytes) -> bytes:
    """RefHash of RFC 9420 section 5.2."""
    return hashlib.sha256(vector(label.encode()) + vector(value)).digest()


def key_package_reference(key_package: bytes) -> bytes:
    """The reference by which a Welcome names the key package it was made for."""
    return _reference("MLS 1.0 KeyPackage Reference", key_package)


def _read_leaf_node(reader: Reader) -> int:
    """Skip a LeafNode (RFC 9420 section 7.2); return the Discord user id in its basic credential."""
    reader.vector()  # encryption_key
    reader.vector()  # signature_key
    reader.expect(2, 1, "credential type")
    user_id = int.from_bytes(reader.vector(), "big")
    for _ in range(5):  # capabilities: versions, cipher_suites, extensions, proposals, credentials
        reader.vector()
    source = reader.integer(1)
    if source == 1:  # key_package: lifetime
        reader.take(16)
    elif source == 3:  # commit: parent_hash
        reader.vector()
    reader.vector()  # extensions
    reader.vector()  # signature
    return user_id


def key_package_user(key_package: bytes) -> int:
    """The Discord user id a key package was made for."""
    reader = Reader(key_package)
    reader.expect(2, MLS_VERSION, "MLS version")
    reader.expect(2, CIPHER_SUITE, "cipher suite")
    reader.vector()  # init_key
    return _read_leaf_node(reader)


def proposed(payload: bytes) -> dict[bytes, tuple[bytes, bool]]:
    """The proposals in an opcode 27 payload that appends some, by reference: each message, and whether it is an add."""
    outer = Reader(payload)
    outer.expect(1, 0, "append")
    reader, found = Reader(outer.vector()), {}
    while not reader.done:
        begin = reader.position
        reader.take(4)  # version, wire format
        reader.vector()  # group id
        reader.take(13)  # epoch, sender
        reader.vector()  # authenticated data
        reader.expect(1, CONTENT_PROPOSAL, "content type")
        kind = reader.integer(2)
        if kind == PROPOSAL_ADD:
            reader.take(4)  # version, cipher suite
            reader.vector()  # init_key
            _read_leaf_node(reader)
            reader.vector()  # extensions
            reader.vector()  # signature
        else:
            reader.take(4)  # leaf
        reader.vector()  # signature
        message = reader.data[begin : reader.position]
        found[_reference("MLS 1.0 Proposal Reference", message[2:])] = message, kind == PROPOSAL_ADD
    return found


def revoked(payload: bytes) -> list[bytes]:
    """The references in an opcode 27 payload that takes proposals back."""
    outer = Reader(payload)
    outer.expect(1, 1, "revoke")
    reader, found = Reader(outer.vector()), []
    while not reader.done:
        found.append(reader.vector())
    return found


@dataclass(frozen=True, slots=True)
class Commit:
    """What the server needs to know of a member's commit."""

    message: bytes  # the MLSMessage alone, ready to be announced
    epoch: int
    sender_leaf: int
    proposal_references: tuple[bytes, ...]


def split_commit(payload: bytes) -> tuple[Commit, bytes]:
    """Split an opcode 28 payload into the commit and the bare Welcome behind it (empty when there is none)."""
    reader = Reader(payload)
    reader.expect(2, MLS_VERSION, "MLS version")
    reader.expect(2, WIRE_FORMAT_PUBLIC_MESSAGE, "wire format")
    reader.vector()  # group_id
    epoch = reader.integer(8)
    reader.expect(1, SENDER_MEMBER, "sender type")
    leaf = reader.integer(4)
    reader.vector()  # authenticated_data
    reader.expect(1, CONTENT_COMMIT, "content type")
    proposals, references = Reader(reader.vector()), []
    while not proposals.done:
        proposals.expect(1, 2, "proposal by reference")  # DAVE commits carry no inline proposals
        references.append(proposals.vector())
    if reader.integer(1):  # optional<UpdatePath>
        _read_leaf_node(reader)
        reader.vector()  # nodes
    for _ in range(3):  # signature, confirmation_tag, membership_tag
        reader.vector()
    end = reader.position
    return Commit(payload[:end], epoch, leaf, tuple(references)), payload[end:]


def welcome_for(welcome: bytes, reference: bytes) -> bytes | None:
    """`welcome` with only the secrets of the key package `reference`; None when it has none for it."""
    reader = Reader(welcome)
    suite = reader.take(2)
    secrets, group_info = Reader(reader.vector()), reader.vector()
    while not secrets.done:
        found, kem_output, ciphertext = secrets.vector(), secrets.vector(), secrets.vector()
        if found == reference:
            own = vector(found) + vector(kem_output) + vector(ciphertext)
            return suite + vector(own) + vector(group_info)
    return None


class ExternalSender:
    """The voice server's signing identity in one channel's group."""

    def __init__(self, channel_id: int, identity: bytes = b"\x00\x01\x01\x00") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._group_id = struct.pack(">Q", channel_id)
        self._identity = identity

    def package(self) -> bytes:
        """The opcode 25 payload that introduces this sender to a member."""
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return vector(point) + struct.pack(">H", 1) + vector(self._identity)

    def propose_add(self, epoch: int, key_package: bytes) -> tuple[bytes, bytes]:
        """(MLSMessage, ProposalRef) that asks the group to add the owner of `key_package`."""
        return self._propose(epoch, struct.pack(">H", PROPOSAL_ADD) + key_package)

    def propose_remove(self, epoch: int, leaf: int) -> tuple[bytes, bytes]:
        """(MLSMessage, ProposalRef) that asks the group to remove the member at `leaf`."""
        return self._propose(epoch, struct.pack(">HI", PROPOSAL_REMOVE, leaf))

    def _propose(self, epoch: int, proposal: bytes) -> tuple[bytes, bytes]:
        framed = (
            vector(self._group_id)
            + struct.pack(">QBI", epoch, SENDER_EXTERNAL, 0)
            + vector(b"")  # authenticated_data
            + bytes([CONTENT_PROPOSAL])
            + proposal
        )
        to_be_signed = struct.pack(">HH", MLS_VERSION, WIRE_FORMAT_PUBLIC_MESSAGE) + framed
        signature = self._key.sign(
            vector(b"MLS 1.0 FramedContentTBS") + vector(to_be_signed), ec.ECDSA(hashes.SHA256())
        )
        authenticated = struct.pack(">H", WIRE_FORMAT_PUBLIC_MESSAGE) + framed + vector(signature)
        message = struct.pack(">H", MLS_VERSION) + authenticated
        return message, _reference("MLS 1.0 Proposal Reference", authenticated)


def append_proposals(messages: list[bytes]) -> bytes:
    """The opcode 27 payload that adds proposals to the current epoch."""
    return b"\x00" + vector(b"".join(messages))


def revoke_proposals(references: list[bytes]) -> bytes:
    """The opcode 27 payload that takes proposals back."""
    return b"\x01" + vector(b"".join(vector(reference) for reference in references))
