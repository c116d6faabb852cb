"""Which rows make up a step, and how they are dealt out to micro-batches."""

import pytest
import torch

from backend.trainer.engine.batches import StepCollator, arranged_flat, arranged_padded
from backend.trainer.engine.order import StepOrder

pytestmark = pytest.mark.training


def test_groups_keep_to_the_budget_and_hold_every_row_once() -> None:
    lengths = [30, 5, 100, 20, 20, 7, 31, 64]
    for arranged, cost in ((arranged_flat, sum), (arranged_padded, lambda group: len(group) * max(group))):
        groups = arranged(lengths, 64)
        assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
        assert all(cost([lengths[i] for i in group]) <= 64 or len(group) == 1 for group in groups)


def test_the_order_is_that_of_a_plain_trainer_and_a_function_of_seed_and_epoch() -> None:
    from accelerate.data_loader import SeedableRandomSampler

    order = StepOrder([1] * 10, rows_per_step=4, seed=42, order="shuffled")
    plain = SeedableRandomSampler(range(10), data_seed=42)
    for epoch in (0, 1):
        order.set_epoch(epoch)
        plain.set_epoch(epoch)
        assert [row for step in order for row in step] == list(plain)
    assert len(order) == len(list(order)) == 3
    assert list(order) == list(order)


def test_grouped_steps_hold_rows_of_similar_length() -> None:
    lengths = torch.randint(1, 100, (64,)).tolist()
    order = StepOrder(lengths, rows_per_step=8, seed=1, order="grouped")

    steps = list(order)

    assert sorted(row for step in steps for row in step) == list(range(64))
    spread = [max(lengths[row] for row in step) - min(lengths[row] for row in step) for step in steps]
    assert sum(spread) / len(spread) < 40
    assert [max(lengths[row] for row in step) for step in steps] != sorted(lengths[step[0]] for step in steps)[::-1]


def test_processes_that_share_weights_out_take_equally_many_micro_batches() -> None:
    collator = StepCollator(0, budget=10, is_flat=False, is_learned=False, rows_at_once=2)
    short, long = ({"input_ids": [5] * length, "labels": [5] * length} for length in (3, 40))

    for rows in ([short] * 5, [long] * 5, [long, short, short, long, long]):
        micro_batches = collator(rows)["micro_batches"]
        assert [len(micro["input_ids"]) for micro in micro_batches] == [2, 2, 1]
