"""When people are told that somebody cannot be decrypted: not for a change of keys, and not again and again."""

from bot.media.events import Undecryptable, Unowned
from bot.media.undecryptable import REPEAT_AFTER, SECONDS_TO_REPORT, SPEAKING, UndecryptableCounts, UndecryptableMonitor
from bot.voice.receive import ReceiveStats

ANN, BOB = 1, 2


def test_a_change_of_keys_is_not_worth_a_word() -> None:
    counts = UndecryptableCounts()
    for second in range(1, SECONDS_TO_REPORT):
        assert counts.update({ANN: second * 50}) == []
    for _ in range(5):
        assert counts.update({ANN: (SECONDS_TO_REPORT - 1) * 50}) == []


def test_someone_who_stays_unheard_is_named_and_only_that_one() -> None:
    counts = UndecryptableCounts()
    told = [counts.update({ANN: second * 50, BOB: 3}) for second in range(1, SECONDS_TO_REPORT + 1)]
    assert told == [[]] * (SECONDS_TO_REPORT - 1) + [[ANN]]


def test_it_is_said_again_after_a_while() -> None:
    counts = UndecryptableCounts()
    told = [second for second in range(1, REPEAT_AFTER * 2 + 20) if counts.update({ANN: second * 50})]
    assert told == [SECONDS_TO_REPORT, SECONDS_TO_REPORT + REPEAT_AFTER, SECONDS_TO_REPORT + 2 * REPEAT_AFTER]


def test_stray_packets_are_no_speech() -> None:
    counts = UndecryptableCounts()
    assert all(counts.update({ANN: second * (SPEAKING - 1)}) == [] for second in range(1, 60))


def test_a_new_voice_session_counts_from_zero() -> None:
    counts = UndecryptableCounts()
    counts.update({ANN: 10_000})
    assert counts.update({ANN: 2}) == []
    assert all(counts.update({ANN: 2 + second}) == [] for second in range(10))


def test_a_person_is_named_once_and_packets_without_an_owner_are_told_of_as_such() -> None:
    told: list[Undecryptable | Unowned] = []
    counts, stats = UndecryptableMonitor(told.append), ReceiveStats()
    for second in range(1, SECONDS_TO_REPORT + 2):
        stats.undecryptable[ANN] = second * 50
        stats.unowned[4242] = second * 50
        counts.update(stats)
    assert told == [Undecryptable(ANN), Unowned()]


def test_in_a_new_voice_session_an_ssrc_is_somebody_elses() -> None:
    told: list[Undecryptable | Unowned] = []
    counts = UndecryptableMonitor(told.append)
    for _ in range(2):
        stats = ReceiveStats()
        for second in range(1, SECONDS_TO_REPORT):
            stats.unowned[4242] = second * 50
            counts.update(stats)
        counts.forget_unowned()
    assert told == []
