"""Real supervisors over a trainer program that misbehaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors import process_table
from tests.process.lab import PROGRAM, Lab, wait_until

pytestmark = pytest.mark.process


def test_an_undisturbed_run_finishes_in_one_attempt_and_leaves_no_process(lab: Lab) -> None:
    lab.start(total_steps=6)
    run = lab.wait_for_over()
    assert (run.state, run.wish, len(run.attempts)) == (RunState.FINISHED, Wish.STOP, 1), lab.story()
    attempt = run.attempts[0]
    assert (attempt.exit_code, attempt.last_step, attempt.resumed_from_step) == (0, 6, None)
    assert attempt.process
    assert lab.marked() == []


def test_a_killed_trainer_is_resumed_from_its_last_whole_checkpoint(lab: Lab) -> None:
    lab.start(total_steps=30, save_every=5, attempts={"1": {"pause_at_step": 12}})
    lab.wait_for_step(12)
    lab.kill(lab.trainer())
    run = lab.wait_for_over()
    assert run.state is RunState.FINISHED, lab.story()
    first, second = run.attempts
    assert first.exit_code == -9
    assert "SIGKILL" in first.reason
    assert second.resumed_from_step == 10
    steps = [(line["attempt"], line["step"]) for line in lab.steps()]
    assert next(step for attempt, step in steps if attempt == 2) == 11
    assert {step for _, step in steps} == set(range(1, 31))


def test_a_damaged_checkpoint_is_passed_over_for_an_older_one(lab: Lab) -> None:
    lab.start(total_steps=30, save_every=5, step_seconds=0.02, attempts={"1": {"hang_at_step": 12}})
    lab.wait_for_step(12)
    folder = RunDirectory(lab.runs_folder / "a-run")
    (folder.checkpoints / "checkpoint-10" / "weights").write_text("flipped")
    lab.kill(lab.trainer())
    assert lab.wait_for_over().attempts[1].resumed_from_step == 5


def test_a_fourth_failure_in_a_row_without_a_checkpoint_ends_the_run_with_a_cause(lab: Lab) -> None:
    text = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nValueError: bad luck\n'
    lab.start(total_steps=30, save_every=50, otherwise={"crash_at_step": 2, "text": text})
    run = lab.wait_for_over()
    assert (run.state, run.wish, run.failures) == (RunState.FAILED, Wish.STOP, 3), lab.story()
    assert [attempt.exit_code for attempt in run.attempts] == [1, 1, 1, 1]
    assert run.error_id == "python-error"
    assert "ValueError: bad luck" in run.message
    assert "failure 4 in a row" in run.message


def test_progress_refills_the_budget_of_failures(lab: Lab) -> None:
    crashes = {str(n): {"crash_at_step": 5 * n + 1} for n in range(1, 7)}
    lab.start(total_steps=35, save_every=5, attempts=crashes)
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 7), lab.story()
    assert [attempt.resumed_from_step for attempt in run.attempts] == [None, 5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize("code", [64, 65, 78])
def test_an_error_of_use_data_or_configuration_is_not_tried_again(lab: Lab, code: int) -> None:
    record = {"error_id": "dataset-empty", "what": "No rows.", "why": "It is empty.", "fix": "Fill it."}
    lab.start(otherwise={"exit_code_at_start": code, "record": record})
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.error_id) == (RunState.FAILED, 1, "dataset-empty"), lab.story()
    assert "No rows. It is empty." in run.message
    assert "Fill it." in run.message


def test_a_stop_lets_the_trainer_write_a_checkpoint_and_a_resume_goes_on_from_it(lab: Lab) -> None:
    lab.start(total_steps=40, save_every=50, attempts={"1": {"pause_at_step": 3}})
    lab.wait_for_step(3)
    lab.manager.stop("a-run")
    run = lab.wait_for_over()
    step = run.attempts[0].last_step
    assert (run.state, run.attempts[0].exit_code) == (RunState.STOPPED, 75), lab.story()
    assert f"goes on from step {step}" in run.message
    lab.store.set_wish("a-run", Wish.RUN, "a person asked to go on")
    assert lab.manager.start("a-run")
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, step), lab.story()


def test_a_trainer_that_ignores_term_is_killed_after_the_grace(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(stop_grace_seconds="0.5")
    lab.start(total_steps=10_000, save_every=5, step_seconds=0.02, otherwise={"ignores_term": True})
    lab.wait_for_step(6)
    lab.manager.stop("a-run")
    run = lab.wait_for_over()
    assert (run.state, run.attempts[0].exit_code) == (RunState.STOPPED, -9), lab.story()
    assert "did not stop in time and was killed" in run.message
    assert "goes on from step" in run.message
    assert lab.marked() == []


def test_a_supervisor_that_comes_when_the_run_is_over_leaves_it_as_it_is(lab: Lab) -> None:
    lab.start(total_steps=3)
    run, journal = lab.wait_for_over(), lab.journal()
    folder = RunDirectory(run.run_dir)
    words = (sys.executable, str(PROGRAM), str(folder.root))
    late = subprocess.run(words, env=os.environ | lab.environment, check=False, capture_output=True, text=True)
    assert late.returncode == 0, late.stderr
    assert f"{run.id} is over" in late.stderr
    assert (lab.get(), lab.journal()) == (run, journal)


def test_a_silent_trainer_is_killed_and_resumed(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(hang_training_seconds="6")
    lab.start(total_steps=12, save_every=5, attempts={"1": {"hang_at_step": 7}})
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2), lab.story()
    assert "no sign of life" in run.attempts[0].reason
    assert "attempt 1 hangs and is killed; the stacks of its threads are in its log" in lab.journal()
    assert "in train_step" in RunDirectory(run.run_dir).log(1).read_text()
    assert run.attempts[1].resumed_from_step == 5


def test_a_trainer_outlives_its_killed_supervisor_and_is_adopted(lab: Lab) -> None:
    lab.start(total_steps=10, otherwise={"pause_at_step": 3})
    lab.wait_for_step(3)
    trainer, first = lab.trainer(), lab.supervisor()
    lab.kill(first)
    lab.bring_back()
    wait_until(lambda: any("adopted" in line for line in lab.journal()), "the trainer is adopted")
    assert lab.trainer() == trainer
    assert lab.supervisor() != first
    lab.go()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1), lab.story()
    assert (run.attempts[0].exit_code, run.fence) == (0, 2)


def test_the_end_of_an_adopted_trainer_is_noticed_with_its_signal(lab: Lab) -> None:
    lab.start(total_steps=10, save_every=5, attempts={"1": {"pause_at_step": 7}})
    lab.wait_for_step(7)
    lab.kill(lab.supervisor())
    lab.bring_back()
    wait_until(lambda: any("adopted" in line for line in lab.journal()), "the trainer is adopted")
    lab.kill(lab.trainer())
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2), lab.story()
    # the init process of this machine may have waited for it before we could look
    assert run.attempts[0].exit_code in (-9, None)


def test_supervisor_and_trainer_killed_together_are_brought_back_by_reconcile(lab: Lab) -> None:
    lab.start(total_steps=10, save_every=5, attempts={"1": {"pause_at_step": 7}})
    lab.wait_for(RunState.RUNNING)
    lab.wait_for_step(7)
    trainer = lab.trainer()
    lab.kill(lab.supervisor())
    lab.kill(trainer)
    assert lab.get().state is RunState.RUNNING
    lab.bring_back()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.failures) == (RunState.FINISHED, 2, 0), lab.story()
    assert run.attempts[1].resumed_from_step == 5


def test_a_trainer_that_finished_unwatched_is_not_run_again(lab: Lab) -> None:
    lab.start(total_steps=6, otherwise={"pause_at_step": 3})
    lab.wait_for_step(3)
    trainer = lab.trainer()
    lab.kill(lab.supervisor())
    assert trainer
    lab.go()
    wait_until(lambda: not process_table.is_alive(trainer), "the trainer has finished")
    lab.bring_back()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.attempts[0].exit_code) == (RunState.FINISHED, 1, 0), lab.story()


def test_a_supervisor_that_is_told_to_leave_leaves_its_trainer_alone(lab: Lab) -> None:
    lab.start(total_steps=6, otherwise={"pause_at_step": 3})
    lab.wait_for(RunState.RUNNING)
    trainer, supervisor = lab.trainer(), lab.supervisor()
    assert supervisor
    lab.executor.terminate(supervisor)
    wait_until(lambda: not process_table.is_alive(supervisor), "the supervisor has left")
    assert lab.trainer() == trainer
    assert lab.get().state is RunState.RUNNING
    lab.bring_back()
    lab.go()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1), lab.story()


def test_a_run_without_its_order_fails_with_an_id(lab: Lab) -> None:
    run = lab.make()
    RunDirectory(run.run_dir).config.unlink()
    lab.manager.start(run.id)
    run = lab.wait_for_over()
    assert (run.state, run.error_id, run.attempts) == (RunState.FAILED, "run-file-missing", ()), lab.story()
    lab.store.set_wish(run.id, Wish.RUN, "again")
    lab.manager.start(run.id)
    run = lab.wait_for_over()
    assert (run.state, run.error_id) == (RunState.FAILED, "run-file-missing"), lab.story()


@pytest.mark.parametrize("kind", ["session", "daemon"])
def test_grandchildren_in_sessions_of_their_own_end_with_their_trainer(lab: Lab, kind: str) -> None:
    lab.start(total_steps=8, attempts={"1": {"grandchild": kind, "crash_at_step": 6}})
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 2), lab.story()
    assert lab.marked() == []


def test_a_trainer_stopped_by_the_shell_still_hears_the_stop(lab: Lab) -> None:
    lab.start(total_steps=10_000, step_seconds=0.02)
    lab.wait_for_step(3)
    trainer = lab.trainer()
    assert trainer
    os.kill(trainer.pid, signal.SIGSTOP)
    lab.manager.stop("a-run")
    run = lab.wait_for_over()
    assert (run.state, run.attempts[0].exit_code) == (RunState.STOPPED, 75), lab.story()


def test_the_journal_tells_every_change_in_order(lab: Lab) -> None:
    lab.start(total_steps=8, attempts={"1": {"crash_at_step": 6}})
    lab.wait_for_over()
    lines = lab.store.journal("a-run")
    changes = [(line.source, line.target) for line in lines if line.source is not line.target]
    assert changes[0] == (RunState.CREATED, RunState.STARTING)
    assert changes[-1][1] is RunState.FINISHED
    assert all(before[1] is after[0] for before, after in pairwise(changes))
    assert RunState.BACKOFF in [target for _, target in changes]
