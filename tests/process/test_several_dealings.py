"""Two processes whose steps fall into different numbers of micro-batches learn what one learns."""

import pytest

from tests.fakes.forked_trainers import ForkedTrainers
from tests.process.test_several_processes import TRAINING, TWO, make_run, trainers  # noqa: F401 - fixtures
from tests.training.runs import MakeRun, curves, read

pytestmark = [pytest.mark.training, pytest.mark.process]


def test_processes_may_take_different_numbers_of_micro_batches(make_run: MakeRun, trainers: ForkedTrainers) -> None:  # noqa: F811
    """The gradients of a step are shared once, and its loss counts each token once."""
    dataset = {"path": str(make_run.room.dataset), "validation_fraction": 4 / 24}
    options = {"method": {"name": "lora", "dropout": 0}, "dataset": dataset}
    training = TRAINING
    one = make_run("one", training=training | {"gradient_accumulation": 2}, **options)
    two = make_run("two", training=training, devices=TWO, speed={"micro_batch_tokens": 72}, **options)

    assert trainers.train(one) == 0, read(one.log(1))
    assert trainers.train(two, processes=2) == 0, read(two.log(1))

    expected, found = curves(one), curves(two)
    for tag, points in expected.items():
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=2e-4), tag
