"""The stacks of a trainer that hangs: waited for until they are told to their end."""

from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from backend.domain.run import ProcessIdentity
from backend.supervisor.stacks import Stacks
from tests.fakes.clock import FakeClock

HANGING = ProcessIdentity(7, 100, "boot")
TOLD, SILENT = "the stacks of its threads are in its log", "it did not even tell its stacks"


class Asking:
    """Whom it asked; `num` is how many heard it."""

    def __init__(self, num: int = 1) -> None:
        self.num = num
        self.asked: list[ProcessIdentity] = []

    def ask_for_stacks(self, process: ProcessIdentity) -> int:
        self.asked.append(process)
        return self.num


def log_of(*sizes: int) -> Callable[[], int]:
    """A log that has these sizes, one look after the other, and then stays as it is."""
    looks: Iterator[int] = chain(sizes, repeat(sizes[-1]))
    return lambda: next(looks)


@pytest.mark.parametrize(
    ("sizes", "seconds", "told"),
    [
        ((10, 10, 10, 30, 70, 70), 0.5, TOLD),  # the last look but one and the last are equal
        ((10, 10), 5.0, SILENT),
        ((10, *range(11, 100)), 5.0, TOLD),  # it writes and writes
    ],
)
def test_the_log_is_looked_at_until_it_grows_no_more(sizes: tuple[int, ...], seconds: float, told: str) -> None:
    executor, clock = Asking(), FakeClock()
    began = clock.monotonic()
    assert Stacks(executor, clock, clock.advance).ask(HANGING, log_of(*sizes)) == told  # type: ignore[arg-type]
    assert executor.asked == [HANGING]
    assert clock.monotonic() - began == pytest.approx(seconds, abs=0.11)


def test_nobody_is_waited_for_where_nobody_can_be_asked() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    assert Stacks(Asking(0), clock, clock.advance).ask(HANGING, log_of(10)) == SILENT  # type: ignore[arg-type]
    assert clock.monotonic() == began
