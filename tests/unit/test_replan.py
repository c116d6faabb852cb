"""What supervision changes after a lack of memory or on a trainer's own proposal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.adjustments import Adjustment, adjusted, difference
from backend.domain.decisions import Ending
from backend.domain.diagnosis import Diagnosis
from backend.domain.exit_record import Proposal
from backend.domain.heartbeat import Phase
from backend.domain.replan import MOST_MEMORY_CHANGES, memory_changes, replan
from backend.domain.run_config import RunConfig


def order(**sections: Any) -> RunConfig:
    return RunConfig.model_validate({"base_model": "demo", "dataset": "rows.jsonl", **sections})


def ending(id_: str = "out-of-memory", **facts: Any) -> Ending:
    found = Diagnosis(id_, "the memory is exhausted", "", is_worth_retrying=False)
    return Ending(**{"exit_code": 70, "diagnosis": found, "phase": Phase.TRAINING, **facts})


ROLL_BACK = Proposal(40, {"training.learning_rate": 1e-4})
HALVES = {
    (8, 1): (4, 2),
    (4, 2): (2, 4),
    (6, 1): (3, 2),
    (3, 2): (1, 6),
    (5, 1): (1, 5),
    (9, 1): (3, 3),
    (7, 4): (2, 14),
    (2, 1): (1, 2),
}


@pytest.mark.parametrize(("before", "after"), HALVES.items())
def test_half_the_rows_twice_as_often_and_odd_sizes_keep_the_product(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    changes = memory_changes(
        order(training={"batch_size": before[0], "gradient_accumulation": before[1]}), on_gpu=False
    )
    assert changes == {"training.batch_size": after[0], "training.gradient_accumulation": after[1]}


def test_the_ladder_goes_down_to_one_row_then_recomputes_then_saves_the_rest() -> None:
    config, told = order(training={"batch_size": 4}, speed={"dataloader_workers": 2, "logits": "all"}), []
    made: tuple[Adjustment, ...] = ()
    for attempt in range(1, 10):
        change = replan(ending("gpu-out-of-memory"), attempt, config, made)
        if change is None:
            break
        told.append(change.reason.removeprefix("it goes on with "))
        made = (*made, change)
    assert told == [
        "batch_size 4 -> 2, gradient_accumulation 1 -> 2",
        "batch_size 2 -> 1, gradient_accumulation 2 -> 4",
        "gradient_checkpointing false -> true",
        "dataloader_workers 2 -> 0, logits all -> auto, expandable_segments false -> true",
    ]


def test_a_computer_without_a_gpu_is_told_nothing_about_one() -> None:
    smallest = {"batch_size": 1, "gradient_checkpointing": True}
    wasteful = order(training=smallest, speed={"logits": "all"})
    assert memory_changes(wasteful, on_gpu=False) == {"speed.logits": "auto"}
    assert memory_changes(order(training=smallest), on_gpu=False) is None


def test_a_model_that_does_not_even_fit_is_not_helped_by_smaller_batches() -> None:
    for phase in (Phase.LOADING, Phase.PREPARING, Phase.BUILDING):
        assert replan(ending(phase=phase), 1, order(), ()) is None
    assert replan(ending(phase=None), 1, order(), ()) is not None


def test_other_ends_change_nothing() -> None:
    assert replan(ending("disk-full"), 1, order(), ()) is None


def test_a_change_that_was_written_for_the_next_attempt_is_not_made_twice() -> None:
    first = replan(ending(), 1, order(), ())
    assert first is not None
    assert replan(ending(), 1, order(), (first,)) is first
    second = replan(ending(), 2, order(), (first,))
    assert second is not None
    assert second.changes["training.batch_size"] == 1


def test_the_number_of_changes_has_a_limit() -> None:
    config = order(training={"batch_size": 4096})
    made: tuple[Adjustment, ...] = ()
    while change := replan(ending(), len(made) + 1, config, made):
        made = (*made, change)
    assert len(made) == MOST_MEMORY_CHANGES


def test_a_roll_back_is_what_the_trainer_proposed_as_often_as_the_guards_allow() -> None:
    config = order(guards={"max_rollbacks": 2})
    proposed = ending("loss-not-finite", proposal=ROLL_BACK)
    first = replan(proposed, 1, config, ())
    assert first is not None
    assert (first.kind, first.good_step, first.changes) == ("roll-back", 40, ROLL_BACK.changes)
    assert first.reason == "it goes back to step 40 or before, with learning_rate 0.0002 -> 0.0001"
    second = replan(proposed, 2, config, (first,))
    assert second is not None
    assert replan(proposed, 3, config, (first, second)) is None
    assert replan(proposed, 1, order(guards={"max_rollbacks": 0}), ()) is None


def test_changes_for_memory_do_not_use_up_roll_backs() -> None:
    smaller = replan(ending(), 1, order(), ())
    assert smaller is not None
    assert replan(ending("loss-not-finite", proposal=ROLL_BACK), 2, order(), (smaller,)) is not None


@pytest.mark.parametrize("changes", [{"training.nothing": 1}, {"nowhere.x": 1}, {"training.learning_rate": -1}])
def test_a_proposal_that_makes_no_valid_order_is_refused(changes: dict[str, Any]) -> None:
    assert replan(ending("loss-not-finite", proposal=Proposal(4, changes)), 1, order(), ()) is None


def test_a_difference_names_old_and_new() -> None:
    assert difference(order(), {"training.precision": "float32", "training.eval_steps": 5}) == (
        "precision auto -> float32, eval_steps null -> 5"
    )


@given(
    batch=st.integers(1, 4096),
    accumulation=st.integers(1, 4096),
    on_gpu=st.booleans(),
)
def test_whatever_is_changed_the_rows_of_a_step_stay(batch: int, accumulation: int, on_gpu: bool) -> None:
    config = order(training={"batch_size": batch, "gradient_accumulation": accumulation})
    changes = memory_changes(config, on_gpu=on_gpu)
    assert changes is not None
    after = adjusted(config, (Adjustment(attempt=1, reason="", changes=changes),))
    assert after.training.effective_batch_size == config.training.effective_batch_size
    assert after != config
    assert after.training.batch_size <= batch
