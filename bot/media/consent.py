"""Who may be heard: not those who said no, where a server asks people first only those who agreed, and no other bots.

Pure.
"""

from collections.abc import Collection


class Consent:
    """What people said about being heard in one call, and which of them are bots."""

    def __init__(self, *, ask_first: bool = False, hear_bots: bool = False) -> None:
        """`ask_first`: silence is no consent; who has just come is not heard."""
        self.ask_first = ask_first
        self.hear_bots = hear_bots
        self.bots: frozenset[int] = frozenset()  # user ids
        self._given: dict[int, bool] = {}  # by user id, of those who said something

    def allows(self, user_id: int) -> bool:
        """Return whether somebody may be heard; no packet of anybody else is decrypted."""
        if user_id in self.bots:
            return self.hear_bots
        return self._given.get(user_id, not self.ask_first)

    def set(self, user_id: int, given: bool) -> None:
        """Set whether somebody wants to be heard."""
        self._given[user_id] = given

    def set_bots(self, user_ids: Collection[int]) -> None:
        """Set who in the channel is another bot: music, a voice that reads the chat aloud, a second voicebot."""
        self.bots = frozenset(user_ids)

    @property
    def refused(self) -> list[int]:
        """User ids of those who said no."""
        return sorted(user_id for user_id, given in self._given.items() if not given)
