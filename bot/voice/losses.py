"""How many packets of one RTP stream never came, by their sequence numbers. Pure.

Source: RFC 3550 appendix A.1 and A.3; a window of what came of late keeps duplicates from hiding losses.
"""

#: Packets behind the newest that still belong to the stream, and ahead of it: a jump beyond is a new beginning.
MISORDER, DROPOUT = 128, 3000
_WINDOW = (1 << MISORDER) - 1


class LossCounter:
    """Counts the lost packets of one stream. `lost` includes what is only late, until it comes."""

    def __init__(self) -> None:
        self.lost = 0
        self._newest: int | None = None
        self._came = 0  # the newest ones, a bit each; the lowest is the newest

    def update(self, sequence: int) -> None:
        """Take in a packet; `sequence` is RTP's 16 bits."""
        if self._newest is None:
            self._begin(sequence)
            return
        step = ((sequence - self._newest + 0x8000) & 0xFFFF) - 0x8000
        if step > DROPOUT or step <= -MISORDER:
            self._begin(sequence)
        elif step > 0:
            self.lost += step - 1
            self._came = ((self._came << step) | 1) & _WINDOW
            self._newest = sequence
        elif not self._came & (1 << -step):
            self._came |= 1 << -step
            self.lost = max(0, self.lost - 1)

    def _begin(self, sequence: int) -> None:
        self._newest, self._came = sequence, _WINDOW  # nothing before it is missed
