"""Work of a stranger in a child: what counts is the processor time that it takes, and a clock far behind that."""

import time
from collections.abc import Iterator

import pytest

from backend.trainer import limited as module
from backend.trainer.limited import Limits, TooSlow, limited

LIMITS = Limits(item_seconds=0.1)


def held_up() -> Iterator[str]:
    """As where the machine sleeps or stalls: nothing is computed."""
    time.sleep(2.5)
    yield "done"


def endless() -> Iterator[str]:
    while True:
        pass
    yield "never"


def test_a_stall_of_the_machine_is_nobodys_fault() -> None:
    assert list(limited(held_up, LIMITS)) == ["done"]


def test_work_without_end_is_broken_off_by_its_processor_time() -> None:
    with pytest.raises(TooSlow):
        list(limited(endless, LIMITS))


def test_what_waits_without_end_is_broken_off_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    with pytest.raises(TooSlow):
        list(limited(held_up, LIMITS))
