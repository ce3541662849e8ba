"""Which request a planned fault meets."""

from sandbox.valsea.faults import Fault, FaultPlan


def test_a_fault_with_a_key_meets_no_request_of_anybody_else() -> None:
    plan = FaultPlan()
    plan.add(Fault("end", status=503, key="ours"))
    assert plan.take("end", "another's") is None
    assert plan.take("open", "ours") is None
    met = plan.take("end", "ours")
    assert met is not None
    assert met.status == 503
    assert plan.take("end", "ours") is None, "once is once"


def test_a_fault_without_a_key_meets_whoever_comes_and_as_often_as_planned() -> None:
    plan = FaultPlan()
    plan.add(Fault("open", times=2))
    assert plan.take("open", "one") is plan.take("open", "other") is not None
    assert plan.take("open", "one") is None
