"""The tracker counts what training takes, also where torch would do otherwise because somebody looks on."""

from collections.abc import Callable

import pytest
import torch

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
    most = max(sum(parts.values()) for parts in tracker.finish().values())
    assert 2 * size <= most < 2.5 * size, "the numbers and their gradient, and no copy of it"

    forecast = Tracker(run=pretended)
    with pretending(), forecast:
        made = torch.empty(WIDE, requires_grad=True)
        choose(made).sum().backward()
    foreseen = max(sum(parts.values()) for parts in forecast.finish().values())
    assert foreseen == pytest.approx(most, rel=0.02)


def test_a_person_s_own_function_is_counted_as_it_is_written() -> None:
    from backend.trainer.tracing.tracker import Tracker

    tracker, numbers = Tracker(), torch.zeros(WIDE)
    with tracker:
        tracker.add(numbers)
        made = numbers.scatter_add(1, PLACES, torch.ones((64, 1)))
    most = max(sum(parts.values()) for parts in tracker.finish().values())
    assert made.sum() == WIDE[0]
    assert numbers.sum() == 0
    assert most >= 2 * 4 * WIDE[0] * WIDE[1]
