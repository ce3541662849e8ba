"""One transcript out of two sources that may both be there: the provider's data packets and LiveKit's text streams.

A voicebot may send its words by either or both; shown twice they would be noise. The first source that delivers a final
line of a role is the one for that role for the rest of the call.
"""

from typing import Literal

from bot.provider import Role, Utterance

Source = Literal["packet", "text stream"]


class TranscriptSource:
    """Lets each utterance through once."""

    def __init__(self) -> None:
        self._chosen: dict[Role, Source] = {}
        self._finished: set[tuple[Role, str]] = set()

    def accept(self, source: Source, utterance: Utterance) -> Utterance | None:
        """The utterance, cleaned; None when it is empty, from the other source, or finished already."""
        text = " ".join(utterance.text.split())
        if not text:
            return None
        if utterance.final:
            self._chosen.setdefault(utterance.role, source)
        if self._chosen.get(utterance.role, source) != source:
            return None
        if utterance.segment is not None:
            key = (utterance.role, utterance.segment)
            if key in self._finished:
                return None
            if utterance.final:
                self._finished.add(key)
        return Utterance(utterance.role, text, utterance.final, utterance.segment)
