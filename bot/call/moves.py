"""Which voice channels a call may be in: its own, one that it was sent to, or any that it is moved to. Pure."""

#: Seconds within which a move to a channel counts as the one that we requested.
SENT_SECONDS = 15.0


class Moves:
    """Knows which channels a call may be in. Times are seconds of any monotonic clock, and arguments."""

    def __init__(self, home: int, *, follow: bool) -> None:
        """`home` is the id of the channel that the call was started in; `follow` lets it go wherever it is moved."""
        self.home = home
        self._follow = follow
        self._sent_to: dict[int, float] = {}  # by channel id, until it is there: when that was asked for

    def send_to(self, channel_id: int, now: float) -> None:
        """Note that the call was asked to go to a channel."""
        self._sent_to[channel_id] = now

    def may_be_in(self, channel_id: int, now: float) -> bool:
        """Return whether the call goes on in a channel."""
        sent = any(sent_to == channel_id and now - at < SENT_SECONDS for sent_to, at in self._sent_to.items())
        return self._follow or channel_id == self.home or sent

    def on_arrived(self, channel_id: int) -> bool:
        """Note that the call is in a channel, which is its home from now on; whether that is another one."""
        self._sent_to.pop(channel_id, None)
        moved = channel_id != self.home  # or it is back already
        self.home = channel_id
        return moved
