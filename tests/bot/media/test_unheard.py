"""When people are told that somebody cannot be decrypted: not for a change of keys, and not again and again."""

from bot.media.events import Undecryptable, Unowned
from bot.media.unheard import REPEAT_AFTER, SECONDS_TO_REPORT, SPEAKING, Unheard, UnheardSpeakers
from bot.voice.receive import ReceiveStats

ANN, BOB = 1, 2


def test_a_change_of_keys_is_not_worth_a_word() -> None:
    unheard = UnheardSpeakers()
    for second in range(1, SECONDS_TO_REPORT):
        assert unheard.update({ANN: second * 50}) == []
    for _ in range(5):
        assert unheard.update({ANN: (SECONDS_TO_REPORT - 1) * 50}) == []


def test_someone_who_stays_unheard_is_named_and_only_that_one() -> None:
    unheard = UnheardSpeakers()
    told = [unheard.update({ANN: second * 50, BOB: 3}) for second in range(1, SECONDS_TO_REPORT + 1)]
    assert told == [[]] * (SECONDS_TO_REPORT - 1) + [[ANN]]


def test_it_is_said_again_after_a_while() -> None:
    unheard = UnheardSpeakers()
    told = [second for second in range(1, REPEAT_AFTER * 2 + 20) if unheard.update({ANN: second * 50})]
    assert told == [SECONDS_TO_REPORT, SECONDS_TO_REPORT + REPEAT_AFTER, SECONDS_TO_REPORT + 2 * REPEAT_AFTER]


def test_stray_packets_are_no_speech() -> None:
    unheard = UnheardSpeakers()
    assert all(unheard.update({ANN: second * (SPEAKING - 1)}) == [] for second in range(1, 60))


def test_a_new_voice_session_counts_from_zero() -> None:
    unheard = UnheardSpeakers()
    unheard.update({ANN: 10_000})
    assert unheard.update({ANN: 2}) == []
    assert all(unheard.update({ANN: 2 + second}) == [] for second in range(10))


def test_a_person_is_named_once_and_packets_without_an_owner_are_told_of_as_such() -> None:
    told: list[Undecryptable | Unowned] = []
    unheard, stats = Unheard(told.append), ReceiveStats()
    for second in range(1, SECONDS_TO_REPORT + 2):
        stats.undecryptable[ANN] = second * 50
        stats.unowned[4242] = second * 50
        unheard.update(stats)
    assert told == [Undecryptable(ANN), Unowned()]


def test_in_a_new_voice_session_an_ssrc_is_somebody_elses() -> None:
    told: list[Undecryptable | Unowned] = []
    unheard = Unheard(told.append)
    for _ in range(2):
        stats = ReceiveStats()
        for second in range(1, SECONDS_TO_REPORT):
            stats.unowned[4242] = second * 50
            unheard.update(stats)
        unheard.forget_unowned()
    assert told == []
