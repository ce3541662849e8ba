"""A sender's rate is bounded, and one loud sender costs no other a word."""

from bot.room.rate_limit import BURST_SECONDS, BYTES_PER_SECOND, MAX_SENDERS, MESSAGES_PER_SECOND, MessageRateLimit


def test_a_talkative_voicebot_loses_nothing() -> None:
    rate_limit = MessageRateLimit()
    assert all(rate_limit.accepts("agent", 600, number / 30) for number in range(3000))
    assert rate_limit.dropped == 0


def test_a_flood_is_cut_to_the_rate() -> None:
    rate_limit = MessageRateLimit()
    taken = sum(rate_limit.accepts("agent", 100, number / 1000) for number in range(10_000))
    assert taken <= MESSAGES_PER_SECOND * (BURST_SECONDS + 10) + 1
    assert rate_limit.dropped == 10_000 - taken


def test_bytes_count_as_messages_do() -> None:
    rate_limit = MessageRateLimit()
    taken = sum(rate_limit.accepts("agent", 15_000, number / 10) for number in range(100))
    assert taken * 15_000 <= BYTES_PER_SECOND * (BURST_SECONDS + 10)


def test_one_sender_costs_another_nothing() -> None:
    rate_limit = MessageRateLimit()
    for number in range(5000):
        rate_limit.accepts("hostile", 1000, number / 1000)
    assert rate_limit.accepts("agent", 1000, 5.0)


def test_thousands_of_names_are_one_sender() -> None:
    rate_limit = MessageRateLimit()
    taken = sum(rate_limit.accepts(f"sender-{number}", 10, 0.0) for number in range(10_000))
    assert taken <= MAX_SENDERS + MESSAGES_PER_SECOND * BURST_SECONDS


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    rate_limit = MessageRateLimit()
    assert rate_limit.accepts("agent", 10, 100.0)
    assert rate_limit.accepts("agent", 10, 50.0)
    assert sum(rate_limit.accepts("agent", 10, 50.0) for _ in range(1000)) <= MESSAGES_PER_SECOND * BURST_SECONDS
