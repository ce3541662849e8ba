"""How the provider can be told to misbehave, one plan for the next requests of a kind."""

from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["open", "end", "messages", "library"]
Shape = Literal["detail", "message"]
When = Literal["before", "after"]  # acting on the request


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` requests of `operation`."""

    operation: Operation
    times: int = 1
    delay: float = 0.0  # seconds before anything else
    status: int | None = None  # an error answer
    message: str = "Something went wrong"
    shape: Shape = "detail"  # of the error's body
    drop: bool = False  # close the connection without an answer
    html: bool = False  # a web server's page instead of the API's answer
    garbage: bytes | None = None  # a success whose body is this
    retry_after: int | None = None
    when: When = "before"
    key: str | None = None  # whose requests alone; None for anybody's


@dataclass(slots=True)
class FaultPlan:
    """All planned faults, taken in order."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)

    def clear(self) -> None:
        self.faults.clear()

    def take(self, operation: Operation, key: str) -> Fault | None:
        for fault in self.faults:
            if fault.operation == operation and fault.key in (None, key):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None
