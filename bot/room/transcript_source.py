"""One transcript out of two sources that may both be there: the provider's data packets and LiveKit's text streams.

A voicebot may send its words by either or both; shown twice they would be noise. The first source that delivers a final
line of a role is the one for that role for the rest of the call.
"""

from typing import Literal

from bot.provider import Role, Utterance

Source = Literal["packet", "text stream"]
#: Segments that are known to be finished, the latest ones.
MAX_REMEMBERED = 500


class TranscriptSource:
    """Lets each utterance through once."""

    def __init__(self) -> None:
        self._chosen: dict[Role, Source] = {}
        self._finished: dict[tuple[str, Role, str], None] = {}  # by sender, role and segment, the oldest first

    def accept(self, source: Source, utterance: Utterance, sender: str = "") -> Utterance | None:
        """Return the utterance, cleaned; None when it is empty, from the other source, or finished already. `sender` is
        the identity of who sent it: each numbers its own segments."""
        text = " ".join(utterance.text.split())
        if not text:
            return None
        if utterance.final:
            self._chosen.setdefault(utterance.role, source)
        if self._chosen.get(utterance.role, source) != source:
            return None
        if utterance.segment is not None:
            key = (sender, utterance.role, utterance.segment)
            if key in self._finished:
                return None
            if utterance.final:
                self._finished[key] = None
                if len(self._finished) > MAX_REMEMBERED:
                    del self._finished[next(iter(self._finished))]
        return Utterance(utterance.role, text, utterance.final, utterance.segment)

    def forget(self, sender: str) -> None:
        """Forget a participant that has left: one that comes back under its name may give its segments' names again."""
        for key in [key for key in self._finished if key[0] == sender]:
            del self._finished[key]
