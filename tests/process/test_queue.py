"""Runs that wait for one another: real supervisors over a trainer program that misbehaves, real stores."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend.domain.machine import Gpu, GpuReading
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, RunState, Wish
from backend.domain.transition import Requeueing
from backend.executors import process_table
from tests.fakes.machine import FakeMachine
from tests.fakes.runs import NOON
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process

CLAIMER = Path(__file__).with_name("claimer.py")
ROOT = Path(__file__).resolve().parents[2]


def queue(lab: Lab, run_id: str, seconds: int, priority: int = 0, after: str = "", **plan: Any) -> Run:
    """A run that was queued so many seconds after noon."""
    lab.make(run_id, **{"total_steps": 3, **plan})
    at = NOON + timedelta(seconds=seconds)
    lab.store.requeue([Requeueing(run_id, priority=priority, queued_at=at, after=after)])
    return lab.get(run_id)


def order(lab: Lab) -> list[str]:
    """The runs in the order in which their first attempts began; none began while another was at work."""
    runs = sorted(lab.store.list(), key=lambda run: run.attempts[0].started_at)
    for before, then in pairwise(runs):
        ended = before.attempts[-1].ended_at
        assert ended is not None
        assert ended <= then.attempts[0].started_at, f"{then.id} began before {before.id} had ended"
    return [run.id for run in runs]


def finish(lab: Lab, *run_ids: str) -> None:
    for run_id in run_ids:
        assert lab.wait_for_over(run_id).state is RunState.FINISHED, lab.story(run_id)


def say(lab: Lab, *words: str) -> str:
    """One command of the command line, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from backend.cli.main import run; run()", *words],
        env=os.environ | lab.environment | {"PYTHONPATH": str(ROOT)},
        cwd=lab.workspace,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_go_one_after_the_other_by_priority_and_time_and_after_each_other(lab: Lab) -> None:
    queue(lab, "first", 2)
    queue(lab, "child", 1, priority=5, after="last")
    queue(lab, "last", 3, priority=-1)
    queue(lab, "urgent", 9, priority=1, otherwise={"pause_at_step": 2})
    assert not lab.manager.start("last"), "it is not its turn"
    waiting = {name: lab.get(name) for name in ("first", "child", "last")}
    assert {run.state for run in waiting.values()} == {RunState.QUEUED}
    assert waiting["first"].message == "Waits until the CPU is free."
    assert waiting["child"].message == "Waits for the end of A run."
    lab.go("urgent")
    finish(lab, "urgent", "first", "last", "child")
    assert order(lab) == ["urgent", "first", "last", "child"]
    assert lab.store.slots() == {}


def test_a_killed_supervisor_does_not_let_the_next_one_start_early(lab: Lab) -> None:
    queue(lab, "first", 1, total_steps=6, otherwise={"pause_at_step": 3})
    queue(lab, "second", 2)
    lab.manager.reconcile()
    lab.wait_for_step(3, run_id="first")
    lab.kill(lab.supervisor("first"))
    report = lab.new_manager().reconcile()
    assert (report.started, report.waiting) == (("first",), ("second",))
    assert lab.store.slots() == {"cpu:0": "first"}
    lab.go("first")
    finish(lab, "first", "second")
    assert order(lab) == ["first", "second"]
    assert len(lab.get("first").attempts) == 1, lab.story("first")


def test_after_the_end_of_every_process_one_command_lets_the_queue_go_on_in_order(lab: Lab) -> None:
    queue(lab, "first", 1, total_steps=8, save_every=2, attempts={"1": {"pause_at_step": 5}})
    queue(lab, "second", 2)
    queue(lab, "third", 3)
    lab.manager.reconcile()
    lab.wait_for_step(5, run_id="first")
    supervisor, trainer = lab.supervisor("first"), lab.trainer("first")
    for process in (supervisor, trainer):
        assert process
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not lab.marked("first"), "everything is gone")
    folder = RunDirectory(lab.get("first").run_dir)
    for lock in (folder.supervisor_lock, folder.trainer_lock):  # a dying process loses its marks before its locks
        wait_until(lambda lock=lock: lab.executor.find(lock)[0] is Liveness.DEAD, "its lock is free")
    assert lab.new_manager().reconcile().waiting == ("third", "second")
    finish(lab, "first", "second", "third")
    assert order(lab) == ["first", "second", "third"]
    assert lab.get("first").attempts[-1].resumed_from_step == 4, lab.story("first")


def test_the_command_line_alone_keeps_a_queue(lab: Lab) -> None:
    """No dashboard, no manager of this process: real supervisors, which fail at once for want of run.yaml."""
    for number in (1, 2, 3):
        run = queue(lab, f"run-{number}", number)
        (run.run_dir / "run.yaml").unlink()
    lab.store.set_wish("run-2", Wish.PAUSE, "hold")
    say(lab, "runs", "list")
    assert lab.wait_for_over("run-3").error_id == "run-file-missing", lab.story("run-3")
    assert lab.get("run-1").state is RunState.FAILED
    assert lab.get("run-2").state is RunState.PAUSED
    assert "held" in say(lab, "queue", "list")
    say(lab, "queue", "release", "run-2")
    assert lab.wait_for_over("run-2").state is RunState.FAILED


def test_a_held_run_and_one_whose_forerunner_failed_let_the_others_pass(lab: Lab) -> None:
    failing = {"exit_code_at_start": 78}
    queue(lab, "failing", 1, otherwise=failing)
    queue(lab, "child", 2, after="failing")
    queue(lab, "held", 3)
    queue(lab, "other", 4)
    lab.store.set_wish("held", Wish.PAUSE, "hold")
    lab.manager.reconcile()
    finish(lab, "other")
    child, held = lab.get("child"), lab.get("held")
    assert (child.state, held.state) == (RunState.QUEUED, RunState.PAUSED)
    assert "which failed; resume A run, or start this one without it" in child.message
    lab.store.requeue([Requeueing("child", after="")])
    lab.manager.reconcile()
    finish(lab, "child")


def test_a_failed_run_with_retries_is_queued_again_behind_the_others(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(max_failures="1", backoff_seconds="[0.05]")
    crash = {"crash_at_step": 1}
    run = queue(lab, "failing", 1, attempts={"1": crash, "2": crash})
    lab.store.restore(replace(run, retries=1), ())
    queue(lab, "other", 2)
    lab.manager.reconcile()
    finish(lab, "other", "failing")
    failing, other = lab.get("failing"), lab.get("other")
    assert (len(failing.attempts), failing.retries) == (3, 0), lab.story("failing")
    assert failing.attempts[2].started_at > other.attempts[0].started_at, "it went to the end of the line"
    assert any("queued again" in line for line in lab.journal("failing"))


def test_two_runs_train_at_once_where_there_are_two_places(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(cpu_slots="2")
    for number in (1, 2, 3):
        queue(lab, f"run-{number}", number, total_steps=4, otherwise={"pause_at_step": 2})
    assert set(lab.manager.reconcile().started) == {"run-1", "run-2"}
    for run_id in ("run-1", "run-2"):
        lab.wait_for_step(2, run_id=run_id)
    assert set(lab.store.slots()) == {"cpu:0", "cpu:1"}
    assert lab.get("run-3").state is RunState.QUEUED
    for run_id in ("run-1", "run-3", "run-2"):
        lab.go(run_id)
    finish(lab, "run-1", "run-2", "run-3")


def test_eight_programs_that_give_out_places_at_once_give_each_place_once(lab: Lab, tmp_path: Path) -> None:
    for number in range(9):
        queue(lab, f"run-{number}", number)
    go = tmp_path / "go"
    command = [sys.executable, str(CLAIMER), str(lab.workspace), "5", str(go)]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for other in others:
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
    go.touch()
    told = {other.communicate(timeout=120)[0] for other in others}
    assert [other.returncode for other in others] == [0] * 8
    expected = {f"cpu:{number}": f"run-{number}" for number in range(5)}
    assert lab.store.slots() == expected
    assert told == {" ".join(f"{run_id}={place}" for place, run_id in expected.items()) + "\n"}
    given = [line for number in range(9) for line in lab.journal(f"run-{number}") if line.startswith("got")]
    assert len(given) == 5
    assert {lab.get(f"run-{number}").state for number in range(5, 9)} == {RunState.QUEUED}


def test_runs_train_at_once_on_different_gpus_and_see_no_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPUs are told by a fake driver; which ones a trainer sees is read from its process."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = tuple(Gpu(index, "H200", f"GPU-{index}", 80, 0) for index in range(4))
    lab.manager = lab.new_manager(FakeMachine(GpuReading(gpus=(*gpus[:3], replace(gpus[3], memory_used_bytes=79)))))
    two = {"order": "devices: {processes: 2}\n"}
    for number, order_ in enumerate((two, {}, {})):
        queue(lab, f"run-{number}", number, total_steps=4, otherwise={"pause_at_step": 2}, **order_)
    assert set(lab.manager.reconcile().started) == {"run-0", "run-1"}
    seen = {}
    for run_id in ("run-0", "run-1"):
        lab.wait_for_step(2, run_id=run_id)
        trainer = lab.trainer(run_id)
        assert trainer
        seen[run_id] = process_table.environment(trainer.pid)["CUDA_VISIBLE_DEVICES"]
    assert seen == {"run-0": "0,1", "run-1": "2"}
    assert lab.get("run-2").message == "Waits for a GPU; other programs fill gpu:3."
    lab.store.set_wish("run-2", Wish.STOP, "enough")
    for run_id in seen:
        lab.go(run_id)
    finish(lab, *seen)
