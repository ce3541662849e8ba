"""How a voice server may behave, within what Discord's documentation, clients and their users report.

Every field is off, or as the documentation has it, until a test or `sandbox.reality` says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: What one more thing in a stream of RTP may be.
Noise = Literal["padding", "zeros", "retransmission", "camera"]
Extension = Literal["none", "one byte", "two bytes", "unknown"]


@dataclass(slots=True)
class VoiceBehaviour:
    """Of all sessions from now on; what concerns packets, of all packets from now on. Times are in seconds."""

    # -- gateway
    server_first: bool = False  # VOICE_SERVER_UPDATE comes before VOICE_STATE_UPDATE
    # -- websocket
    introduces_present: bool = True  # SPEAKING of who is there already is sent to who comes
    introduces_speakers: bool = True  # SPEAKING of who begins to speak is sent on, once for each user
    introduction_delay: float = 0.0  # of both
    announces: bool = True  # opcode 11, and before opcode 5
    refuse_identifies: int = 0  # so many times the next IDENTIFYs are answered with `refuse_with`
    refuse_with: int = 4006
    spares: frozenset[int] = frozenset()  # user ids to whom it behaves as documented
    description_delay: float = 0.0  # between SELECT PROTOCOL and SESSION DESCRIPTION
    modes: tuple[str, ...] | None = None  # of transport encryption that are offered, when not the server's own
    #: By opcode: what its messages have besides, or instead of, the documented fields.
    fields: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    strange_messages: bool = False  # opcodes nobody knows, and known ones with fields nobody expects
    acknowledgement_delay: float = 0.0  # of heartbeats
    late_disconnect: float | None = None  # opcode 13 of a session that was replaced comes so much later
    # -- DAVE
    dave_delay: float = 0.0
    dave_twice: bool = False  # each binary message is sent twice
    first_transition: int = 1
    # -- UDP
    sends_to_who_sent: bool = False  # nothing is sent to who has not sent any RTP
    extension: Extension = "one byte"
    padding: int = 0  # bytes behind every packet's payload
    noise: frozenset[Noise] = frozenset()  # besides what people say
    rtcp: bool = True
