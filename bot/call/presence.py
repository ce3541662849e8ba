"""Counts the people in a call from two sources, Discord's main gateway and the voice server. Pure.

Either source may miss an event. After a missed exit the call would be billed until the silence limit ends it; a missed
join would end a call in which somebody speaks.
"""

from collections.abc import Collection
from dataclasses import dataclass

#: Looks in a row in which the voice server must know of nobody before that is believed.
CHECKS_IN_A_ROW = 2
#: Seconds for which somebody who was heard is there, whatever the gateway says.
HEARD_SECONDS = 30.0


@dataclass(slots=True)
class Presence:
    """Who is in one call's voice channel."""

    _seen_at_server: bool = False
    _alone: int = 0  # looks in a row
    _ghosts: frozenset[int] = frozenset()  # user ids that the gateway names and that were not believed
    _unnamed: int = 0  # people of whom the gateway does not know

    def people(
        self, by_gateway: Collection[int], by_server: Collection[int] | None, since_heard: float | None
    ) -> tuple[int, str | None]:
        """Return how many people there are and, for the log, what the two sources disagree about.

        User ids without bots; `by_server` is None without a voice session. `since_heard` is in seconds, None for never.
        """
        count, disagreement = self._weigh(by_gateway, by_server, since_heard)
        self._ghosts = frozenset() if count else frozenset(by_gateway)
        self._unnamed = 0 if by_gateway else count
        return count, disagreement

    def after_event(self, by_gateway: Collection[int], about: int | None = None) -> int:
        """Return how many people there are by the gateway's latest word, without whom `people` has not believed.

        `about` is the user id that the event tells of: of them the gateway knows the newest.
        """
        self._ghosts -= {about}
        return len(set(by_gateway) - self._ghosts) if by_gateway else self._unnamed

    def _weigh(
        self, by_gateway: Collection[int], by_server: Collection[int] | None, since_heard: float | None
    ) -> tuple[int, str | None]:
        if by_server is None:
            self._alone = 0
            return len(by_gateway), None
        heard = since_heard is not None and since_heard < HEARD_SECONDS
        if by_server:
            self._seen_at_server, self._alone = True, 0
            if not by_gateway and heard:
                return len(by_server), "the gateway says that nobody is there, and somebody is heard"
            return len(by_gateway), None
        if not by_gateway or heard or not self._seen_at_server:  # a server that names nobody is no witness
            self._alone = 0
            return len(by_gateway), None
        self._alone += 1
        if self._alone < CHECKS_IN_A_ROW:
            return len(by_gateway), None
        return 0, "the gateway says that people are there, and the voice server has seen all of them leave"
