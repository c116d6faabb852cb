"""The tracker counts what training takes, also where torch would do otherwise because somebody looks on."""

import ctypes
from collections.abc import Callable

import pytest
import torch

from backend.domain.memory_forecast import MemoryPart

pytestmark = pytest.mark.training
WIDE = (64, 1024)
PLACES = torch.zeros((64, 1), dtype=torch.long)
ROWS = torch.zeros(8, dtype=torch.long)


@pytest.mark.parametrize(
    "choose",
    [
        lambda x: x.gather(1, PLACES),
        lambda x: x.index_select(0, ROWS),
        lambda x: x[ROWS],
    ],
    ids=["gather", "index_select", "index"],
)
def test_gradients_of_chosen_places_are_written_into_one_tensor_as_without_an_onlooker(
    choose: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    from backend.trainer.tracing.pretending import pretended, pretending
    from backend.trainer.tracing.tracker import Tracker

    numbers = torch.randn(WIDE, requires_grad=True)
    choose(numbers).sum().backward()
    expected = numbers.grad
    size = 4 * WIDE[0] * WIDE[1]
    tracker = Tracker()
    again = numbers.detach().clone().requires_grad_()
    with tracker:
        tracker.add(again)
        choose(again).sum().backward()
    assert expected is not None
    assert again.grad is not None
    assert torch.equal(again.grad, expected)
    most = max(moment.total for moment in tracker.finish().values())
    assert 2 * size <= most < 2.5 * size, "the numbers and their gradient, and no copy of it"

    forecast = Tracker(run=pretended)
    with pretending(), forecast:
        made = torch.empty(WIDE, requires_grad=True)
        choose(made).sum().backward()
    foreseen = max(moment.total for moment in forecast.finish().values())
    assert foreseen == pytest.approx(most, rel=0.02)


def test_a_person_s_own_function_is_counted_as_it_is_written() -> None:
    from backend.trainer.tracing.tracker import Tracker

    tracker, numbers = Tracker(), torch.zeros(WIDE)
    with tracker:
        tracker.add(numbers)
        made = numbers.scatter_add(1, PLACES, torch.ones((64, 1)))
    most = max(moment.total for moment in tracker.finish().values())
    assert made.sum() == WIDE[0]
    assert numbers.sum() == 0
    assert most >= 2 * 4 * WIDE[0] * WIDE[1]


class MallInfo(ctypes.Structure):
    """glibc's mallinfo2(3): `arena` are the bytes that its heap has been extended to."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    )


def test_large_tensors_of_a_step_are_told_apart_and_those_that_stay_are_not() -> None:
    from backend.trainer.tracing.tracker import LARGE_BLOCK, Tracker

    tracker = Tracker()
    tracker.part = MemoryPart.ACTIVATIONS

    def now() -> int:
        tracker.begin("again")
        tracker.segments.clear()
        return tracker.finish()["again: "].large_bytes

    with tracker:
        small, large = torch.empty(LARGE_BLOCK - 1, dtype=torch.uint8), torch.empty(LARGE_BLOCK, dtype=torch.uint8)
        assert now() == LARGE_BLOCK
        tracker.move(large, MemoryPart.GRADIENTS)
        assert now() == LARGE_BLOCK
        tracker.move(large, MemoryPart.OPTIMIZER)
        assert now() == 0
        assert tracker.live[MemoryPart.OPTIMIZER] == LARGE_BLOCK
        tracker.move(large, MemoryPart.ACTIVATIONS)
        small.untyped_storage().resize_(LARGE_BLOCK + 1)
        small.view(-1)
        assert now() == 2 * LARGE_BLOCK + 1
        del large
        assert now() == LARGE_BLOCK + 1
        del small
        assert now() == 0
        assert sum(tracker.live.values()) == 0


def test_a_heap_is_never_extended_for_what_is_counted_so_whatever_the_c_library_has_learned() -> None:
    from backend.trainer.tracing.tracker import LARGE_BLOCK

    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        pytest.skip("this C library has no mallinfo2")
    tell.restype = MallInfo

    def extended_by(size: int) -> int:
        before = int(tell().arena)
        held = [torch.empty(size, dtype=torch.uint8) for _ in range(4)]
        return int(tell().arena) - before if held else 0

    below = LARGE_BLOCK - 4096
    for _ in range(3):  # blocks that were mapped and freed raise the size from which that is done
        torch.empty(below, dtype=torch.uint8)
    assert extended_by(below) >= 2 * below, "the heap may have had room for one or two"
    assert extended_by(LARGE_BLOCK) <= 0
    assert extended_by(3 * LARGE_BLOCK) <= 0
