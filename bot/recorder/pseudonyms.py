"""Stable names in place of ids, addresses and tokens: the same value has the same name in one flight record."""

#: Values that get names of their own; the others share one. A storm of them must not fill the memory.
MAX_VALUES = 4000


class Pseudonyms:
    """The names of one flight record: `user-1`, `ssrc-3`, `token-1`."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, kind: str, value: object) -> str:
        """Return the name of a value; an id is the same as a number and as text."""
        key = kind, str(value)[:512]
        name = self._names.get(key)
        if name is None:
            if len(self._names) >= MAX_VALUES:
                return f"{kind}-many"
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = self._names[key] = f"{kind}-{self._counts[kind]}"
        return name
