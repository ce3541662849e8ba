"""A sender's rate is bounded, and one loud sender costs no other a word."""

from bot.room.intake import BURST_SECONDS, BYTES_PER_SECOND, MAX_SENDERS, MESSAGES_PER_SECOND, Intake


def test_a_talkative_voicebot_loses_nothing() -> None:
    intake = Intake()
    assert all(intake.accepts("agent", 600, number / 30) for number in range(3000))
    assert intake.dropped == 0


def test_a_flood_is_cut_to_the_rate() -> None:
    intake = Intake()
    taken = sum(intake.accepts("agent", 100, number / 1000) for number in range(10_000))
    assert taken <= MESSAGES_PER_SECOND * (BURST_SECONDS + 10) + 1
    assert intake.dropped == 10_000 - taken


def test_bytes_count_as_messages_do() -> None:
    intake = Intake()
    taken = sum(intake.accepts("agent", 15_000, number / 10) for number in range(100))
    assert taken * 15_000 <= BYTES_PER_SECOND * (BURST_SECONDS + 10)


def test_one_sender_costs_another_nothing() -> None:
    intake = Intake()
    for number in range(5000):
        intake.accepts("hostile", 1000, number / 1000)
    assert intake.accepts("agent", 1000, 5.0)


def test_thousands_of_names_are_one_sender() -> None:
    intake = Intake()
    taken = sum(intake.accepts(f"sender-{number}", 10, 0.0) for number in range(10_000))
    assert taken <= MAX_SENDERS + MESSAGES_PER_SECOND * BURST_SECONDS


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    intake = Intake()
    assert intake.accepts("agent", 10, 100.0)
    assert intake.accepts("agent", 10, 50.0)
    assert sum(intake.accepts("agent", 10, 50.0) for _ in range(1000)) <= MESSAGES_PER_SECOND * BURST_SECONDS
