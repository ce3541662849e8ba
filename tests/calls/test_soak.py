"""The short form of `make soak`: with clocks so wrong that a minute shows what an hour would."""

from sandbox.stage import Stage
from tests import soak


async def test_the_delay_stays_where_it_is(stage: Stage) -> None:
    """3000 ppm: uncorrected, half a minute of talk would end 90 ms later than it began.

    Speech is being recognised beside it, so not every phrase can be measured, and there may be some surplus to play.
    """
    outcome = await soak.run(stage, clocks=(1.003, 0.997), talk=36, silence=4)
    assert all(len(phase.to_room) >= 4 for phase in outcome.phases), str(outcome)
    assert abs(outcome.drift("to_room")) <= 0.06, str(outcome)
    assert abs(outcome.drift("to_person")) <= 0.09, str(outcome)
    assert outcome.phases[1].files <= outcome.phases[0].files
