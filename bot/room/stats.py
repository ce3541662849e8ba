"""What has become of the frames that were to be heard in a room."""

from dataclasses import dataclass


@dataclass(slots=True)
class FeedStats:
    """Frames of 20 ms: `fed` to LiveKit's SDK, `dropped` because it was too slow, `refused` by it."""

    fed: int = 0
    dropped: int = 0
    refused: int = 0
