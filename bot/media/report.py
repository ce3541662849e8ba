"""The numbers of one call's sound at a moment: for status, tests and metrics. Immutable."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerReport:
    """The numbers of one person. Packets are RTP of 20 ms; times are in seconds."""

    user_id: int
    packets: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    dropped: int = 0  # more came than was played, or the sender's clock jumped
    concealed: int = 0
    undecryptable: int = 0
    undecodable: int = 0
    level: float = -96.0  # of the last spoken words, dB of full scale
    jitter: float = 0.0
    delay: float = 0.0  # between the fastest packet's arrival and the tick it is played at
    depth: float = 0.0  # of the jitter buffer
    speaking: bool = False


@dataclass(frozen=True, slots=True)
class SoundReport:
    """The numbers of one call. Frames are 20 ms, packets are RTP, times in seconds."""

    packets_received: int = 0
    packets_refused: int = 0  # not sealed by the voice server, or malformed
    packets_early: int = 0  # before Discord had said whose they are; kept for a second
    packets_unowned: int = 0  # of whom Discord does not say who it is, and whom nobody's keys open
    packets_heard: int = 0  # opened, with sound in them
    packets_undecryptable: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    frames_to_room: int = 0
    frames_to_discord: int = 0
    frames_without_keys: int = 0  # of the voicebot's, not sent
    frames_dropped: int = 0
    frames_starved: int = 0
    ticks_skipped: int = 0
    ticks_late: int = 0
    tick_lateness: float = 0.0  # 99 % of the last minute's ticks, of all calls, came within so much of their time
    delay_to_room: float = 0.0  # the longest of those who were heard
    delay_to_discord: float = 0.0
    interruptions: int = 0
    dave_recoveries: int = 0
    privacy_code: str | None = None
    speakers: tuple[SpeakerReport, ...] = ()
