"""Real supervisors that change a run's orders between attempts, over a trainer program that misbehaves."""

import json

import pytest

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process
ORDER = "base_model: demo\ndataset: rows.jsonl\ntraining: {batch_size: 6}\n"


def test_a_child_that_the_kernel_killed_for_memory_goes_on_with_smaller_batches(lab: Lab) -> None:
    killed = {"crash_at_step": 7, "oom_kill": True}
    lab.start(order=ORDER, total_steps=12, save_every=5, attempts={"1": killed, "2": killed | {"crash_at_step": 8}})
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.failures) == (RunState.FINISHED, 3, 0), lab.story()
    assert [attempt.resumed_from_step for attempt in run.attempts] == [None, 5, 5]
    told = [line for line in lab.journal() if "it goes on with" in line]
    assert [line.partition("it goes on with ")[2] for line in told] == [
        "batch_size 6 -> 3, gradient_accumulation 1 -> 2",
        "batch_size 3 -> 1, gradient_accumulation 2 -> 6",
    ]
    made = json.loads(RunDirectory(run.run_dir).adjustments.read_text())
    assert [line["attempt"] for line in made] == [2, 3]


def test_what_the_trainer_remarks_is_in_the_journal_once_whoever_supervises(lab: Lab) -> None:
    lab.start(total_steps=12, attempts={"1": {"remark_at_step": 3, "pause_at_step": 6}})
    sentence = "divergence at step 3: the loss is odd (training row 3)"
    wait_until(lambda: sentence in lab.journal(), "the remark is told while it trains")
    lab.kill(lab.supervisor())
    assert lab.new_manager().start("a-run")
    wait_until(lambda: any("adopted" in line for line in lab.journal()), "the trainer is adopted")
    lab.go()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1), lab.story()
    assert lab.journal().count(sentence) == 1
