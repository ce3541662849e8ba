"""Who is not to be heard: those who said so and, where a server asks people first, all who have not agreed. Pure."""


class Unwilling:
    """`user_id in unwilling`: not a packet of theirs is decrypted."""

    def __init__(self, *, ask_first: bool = False) -> None:
        """`ask_first`: silence is no consent; who has just come is not heard."""
        self.ask_first = ask_first
        self._said: dict[int, bool] = {}  # by user id: whether they are unwilling

    def __contains__(self, user_id: object) -> bool:
        return self._said.get(user_id, self.ask_first)  # type: ignore[call-overload, no-any-return]

    def hear(self, user_id: int, willing: bool) -> None:
        """Somebody said whether they want to be heard."""
        self._said[user_id] = not willing

    @property
    def refused(self) -> list[int]:
        """Those who said that they do not, by user id."""
        return sorted(user_id for user_id, unwilling in self._said.items() if unwilling)
