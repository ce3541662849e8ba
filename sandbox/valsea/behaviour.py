"""How the provider may behave where its documentation is silent: each unknown in the forms that are likely.

The defaults are what Valsea's own sample client reads. What is likely comes from that client's history, from how other
voicebot providers answer, and from LiveKit's agents.
"""

from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]

#: Spellings of a transcript packet.
PacketForm = Literal["text", "content", "snake case", "nested", "event"]
#: Envelopes of a page of stored messages.
Envelope = Literal["messages", "list", "data", "nested"]
Expiry = Literal["iso", "seconds", "milliseconds", "digits", "lifetime", "absent"]


@dataclass(slots=True)
class ValseaBehaviour:
    """Of one session. Times are in seconds."""

    packets: bool = True  # transcripts as data packets
    streams: bool = True  # and as LiveKit's text streams
    packet_form: PacketForm = "text"
    from_agent: bool = False  # packets come from the voicebot itself, not from the server's API
    chatter: bool = False  # packets of types that nobody has seen, between those that count
    messages_path: Literal["messages", "transcript"] = "messages"
    envelope: Envelope = "messages"
    expiry: Expiry = "iso"
    voicebot_name: Literal["name", "id", "absent"] = "name"
    extra_fields: bool = False  # in the session's answer
    unknown_for: float = 0.0  # after the POST, in which a DELETE is answered that there is no such session
    end_status: Literal[200, 202, 204] = 204
    voicebot_delay: float = 0.0

    def packet(self, role: str, text: str, final: bool) -> Json:
        """A line as a data packet's body."""
        if self.packet_form == "content":
            return {"type": "transcript", "role": role, "content": text, **({} if final else {"isComplete": False})}
        if self.packet_form == "snake case":
            return {"type": "transcript", "speaker": role, "text": text, "is_final": final, "segment_id": None}
        if self.packet_form == "nested":
            return {"type": "transcript", "data": {"role": role, "text": text, "isComplete": final}}
        if self.packet_form == "event":
            return {"event": "transcription", "role": role, "text": text, "final": final}
        return {"type": "transcript", "role": role, "text": text, "isComplete": final}

    def page(self, messages: list[Json]) -> Json | list[Json]:
        """A page of stored messages."""
        if self.envelope == "list":
            return messages
        if self.envelope == "nested":
            return {"success": True, "data": {"items": messages, "total": len(messages)}}
        return {self.envelope: messages}

    def expires_at(self, iso: str, seconds: float) -> Any:
        """When a token expires, given the same as ISO 8601 and as seconds since 1970."""
        forms: Json = {
            "iso": iso,
            "seconds": int(seconds),
            "milliseconds": int(seconds * 1000),
            "digits": str(int(seconds)),
            "lifetime": 3600,
            "absent": None,
        }
        return forms[self.expiry]
