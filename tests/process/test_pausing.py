"""Pause, stop at once and their mixtures: real supervisors over a trainer program that misbehaves."""

import json
from collections.abc import Callable

import pytest

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors import process_table
from backend.probes.clock import SystemClock
from backend.services.branching import Branching
from backend.services.config_service import ConfigService
from backend.services.preflight import Preflight
from backend.services.training import TrainingService
from backend.store.branch_files import LocalBranchFiles
from backend.store.run_files import LocalRunFiles
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process


def test_a_paused_run_leaves_no_process_and_no_slot_and_a_resume_goes_on_exactly_there(lab: Lab) -> None:
    lab.make(total_steps=12, save_every=50, attempts={"1": {"pause_at_step": 3}})
    lab.store.restore(lab.taken_slot(), ())
    lab.manager.start("a-run")
    lab.wait_for_step(3)
    lab.wish(Wish.PAUSE)
    run = lab.wait_for_rest(RunState.PAUSED)
    assert (run.wish, run.slots, run.attempts[0].exit_code) == (Wish.PAUSE, (), 75), lab.story()
    assert run.message == "Paused on request at step 3. Resumed, it goes on from step 3."
    assert lab.marked() == []
    assert lab.new_manager().reconcile().started == (), "nothing restarts it"
    lab.wish(Wish.RUN)
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 3), lab.story()
    assert [line["step"] for line in lab.steps()] == list(range(1, 13)), "no step twice, none left out"


def test_a_pause_may_keep_the_slot(lab: Lab) -> None:
    lab.make(total_steps=12, attempts={"1": {"pause_at_step": 3}})
    lab.store.restore(lab.taken_slot(), ())
    lab.manager.start("a-run")
    lab.wait_for_step(3)
    lab.wish(Wish.PAUSE, keeps_slot=True)
    assert lab.wait_for_rest(RunState.PAUSED).slots == ("cpu:0",), lab.story()


def test_a_trainer_that_ignores_a_pause_is_killed_and_paused_from_its_last_checkpoint(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(stop_grace_seconds="0.5")
    lab.start(total_steps=10_000, save_every=5, step_seconds=0.02, otherwise={"ignores_term": True})
    lab.wait_for_step(6)
    lab.wish(Wish.PAUSE)
    run = lab.wait_for_rest(RunState.PAUSED)
    assert run.attempts[0].exit_code == -9
    assert "did not end in time and was killed. Resumed, it goes on from step" in run.message
    assert lab.marked() == []


def test_stop_now_ends_the_whole_tree_at_once_and_a_resume_goes_on_from_the_last_checkpoint(lab: Lab) -> None:
    first = {"ignores_term": True, "hang_at_step": 7, "grandchild": "daemon"}
    lab.start(total_steps=12, save_every=5, attempts={"1": first})
    lab.wait_for_step(7)
    trainer = lab.trainer()
    lab.wish(Wish.STOP_NOW)
    run = lab.wait_for_rest(RunState.STOPPED)
    assert trainer
    assert not process_table.is_alive(trainer)
    assert lab.marked() == []
    assert "Stopped at once on request at step 7. Resumed, it goes on from step 5." in run.message, lab.story()
    lab.wish(Wish.RUN)
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 5), lab.story()


def test_a_pause_outlives_its_supervisor(lab: Lab) -> None:
    lab.start(total_steps=10, save_every=5, otherwise={"ignores_term": True, "hang_at_step": 7})
    lab.wait_for_step(7)
    lab.wish(Wish.PAUSE)
    lab.wait_for(RunState.PAUSING)
    trainer = lab.trainer()
    lab.kill(lab.supervisor())
    lab.kill(trainer)
    lab.bring_back()
    run = lab.wait_for_rest(RunState.PAUSED)
    assert (len(run.attempts), lab.marked()) == (1, []), lab.story()
    assert "ended while nobody watched" in run.message


def test_exit_0_without_finishing_is_a_failure_that_says_so(lab: Lab) -> None:
    lab.start(total_steps=12, save_every=5, attempts={"1": {"crash_at_step": 7, "exit_code": 0}})
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 5), lab.story()
    assert run.attempts[0].reason == "ended with exit 0 but without a result"


def test_a_run_that_waits_can_be_paused_without_a_trainer(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(backoff_seconds="[60, 60, 60]")
    lab.start(total_steps=10, otherwise={"crash_at_step": 2})
    lab.wait_for(RunState.BACKOFF)
    lab.wish(Wish.PAUSE)
    run = lab.wait_for_rest(RunState.PAUSED)
    wait_until(lambda: lab.marked() == [], "no process is left")
    assert len(run.attempts) == 1


def test_an_extended_run_goes_on_from_its_end_and_keeps_its_former_result(lab: Lab) -> None:
    order = "base_model: demo\ndataset: sample:demo.jsonl\ntraining: {max_steps: 6}\n"
    run = lab.make(order=order, total_steps=6, save_every=3)
    lab.manager.start("a-run")
    lab.wait_for_over()
    folder = RunDirectory(run.run_dir)
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_text("of step 6")
    (folder.root / "misbehave.json").write_text(json.dumps({"total_steps": 10, "save_every": 3}))

    branching(lab).extend("a-run", 4)

    wait_until(lambda: len(lab.get().attempts) == 2, "it goes on")
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step, run.attempts[1].last_step) == (RunState.FINISHED, 6, 10)
    assert (folder.root / "adapter-step-6" / "adapter_model.safetensors").read_text() == "of step 6"
    assert not folder.adapter.exists()
    assert [reason for reason in lab.journal() if "xtended" in reason or "former result" in reason] == [
        "It was extended by 4 steps, from step 6 to 10.",
        "the former result is kept as adapter-step-6",
    ]
    assert [line["step"] for line in lab.steps()] == list(range(1, 11))


def branching(lab: Lab) -> Branching:
    configs, clock = ConfigService(), SystemClock()
    preflight = Preflight(lab.workspace, lambda _: 10**12, lambda _: "1.0")
    training = TrainingService(lab.store, LocalRunFiles(), lab.manager, preflight, configs, clock, lab.runs_folder)
    return Branching(lab.store, LocalBranchFiles(), lab.manager, training, configs)
