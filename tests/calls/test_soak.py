"""The short form of `make soak`: with clocks so wrong that a minute shows what an hour would."""

from sandbox.stage import Stage
from tests import soak


async def test_the_delay_stays_where_it_is(stage: Stage) -> None:
    """3000 ppm: uncorrected, 40 seconds of talk would end 120 ms later than they began, or run dry 60 times."""
    outcome = await soak.run(stage, clocks=(1.003, 0.997), talk=45, silence=8)
    assert abs(outcome.drift("to_room")) <= 0.05, str(outcome)
    assert abs(outcome.drift("to_person")) <= 0.05, str(outcome)
    assert outcome.phases[1].files <= outcome.phases[0].files
    for phase in outcome.phases:
        assert phase.not_found <= len(phase.to_room) // 2, str(outcome)
