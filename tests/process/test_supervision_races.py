"""Several programs at once, names of processes that mean somebody else, and a store that is away."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from backend.containers import build_container
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors import lock_file, process_table
from config.settings import Settings
from tests.fakes.runs import NOON
from tests.process.lab import PROGRAM, Lab, wait_until

pytestmark = pytest.mark.process

RECONCILER = Path(__file__).with_name("reconciler.py")


def test_eight_programs_that_reconcile_at_once_start_one_supervisor(lab: Lab, tmp_path: Path) -> None:
    lab.make(total_steps=4, otherwise={"pause_at_step": 2})
    go = tmp_path / "go"
    command = [sys.executable, str(RECONCILER), str(lab.workspace), str(go)]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    for other in others:
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
    go.touch()
    started = [int(other.communicate(timeout=120)[0]) for other in others]
    assert sum(started) == 1
    lab.go()
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.fence) == (RunState.FINISHED, 1, 1), lab.story()


def test_a_second_supervisor_of_a_run_ends_with_75(lab: Lab) -> None:
    run = lab.start(total_steps=4, otherwise={"pause_at_step": 2})
    lab.wait_for_step(1)
    second = subprocess.run(
        [sys.executable, str(PROGRAM), str(run.run_dir)], check=False, capture_output=True, text=True
    )
    assert second.returncode == 75
    assert "supervisor-busy" in second.stderr
    lab.go()
    assert lab.wait_for_over().fence == 1


@pytest.mark.parametrize(("arguments", "code"), [([], 64), (["{folder}/runs/nobody"], 64), (["{folder}/runs/x"], 64)])
def test_a_wrong_call_is_told_apart(lab: Lab, arguments: list[str], code: int) -> None:
    (lab.runs_folder / "x").mkdir(parents=True)
    called = [argument.format(folder=lab.workspace) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "backend.supervisor", *called],
        env=os.environ | lab.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr


def test_a_copied_folder_is_not_the_run(lab: Lab, tmp_path: Path) -> None:
    lab.make()
    copy = tmp_path / "a-run"
    copy.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "backend.supervisor", str(copy)],
        env=os.environ | lab.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 64
    assert "run-dir-mismatch" in done.stderr


def test_what_lies_in_the_workspace_is_no_module_of_the_supervisor(lab: Lab) -> None:
    """A workspace may be the folder of somebody's project."""
    (lab.workspace / "secrets.py").write_text("raise SystemExit('not this one')")
    run = lab.make()
    RunDirectory(run.run_dir).config.unlink()
    container = build_container(Settings(workspace=lab.workspace))
    assert container.processes().start(run.id)
    assert lab.wait_for_over().error_id == "run-file-missing", lab.story()


def test_a_process_that_inherited_a_recorded_pid_is_never_signalled(lab: Lab) -> None:
    """The lock file and the store both name the pid of somebody innocent."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as innocent:
        now = process_table.identify(innocent.pid)
        assert now
        before = replace(now, start_ticks=now.start_ticks - 1)
        run = lab.make(total_steps=4)
        attempt = Attempt(number=1, token="0", started_at=NOON, process=before)  # noqa: S106 - no password
        lab.store.restore(replace(run, state=RunState.RUNNING, attempts=(attempt,)), [])
        handle = lock_file.take(RunDirectory(run.run_dir).trainer_lock)
        assert handle is not None
        lock_file.write_identity(handle, before)
        os.close(handle)
        lab.store.set_wish(run.id, Wish.RUN, "go on")
        lab.manager.reconcile()
        assert lab.wait_for_over().state is RunState.FINISHED, lab.story()
        assert innocent.poll() is None
        innocent.kill()


def test_a_store_that_is_locked_for_a_while_harms_nobody(lab: Lab) -> None:
    lab.start(total_steps=100_000, step_seconds=0.02)
    lab.wait_for_step(3)
    with closing(sqlite3.connect(lab.workspace / "studio.db", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(2)
        before = len(lab.steps())
        wait_until(lambda: len(lab.steps()) > before, "the trainer goes on")
        other.execute("ROLLBACK")
    lab.manager.stop("a-run")
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.STOPPED, 1), lab.story()


def test_an_ending_supervisor_sees_to_the_other_runs(lab: Lab) -> None:
    lab.make("forgotten", total_steps=3)
    lab.start("a-run", total_steps=3)
    assert lab.wait_for_over("forgotten").state is RunState.FINISHED, lab.story("forgotten")


def test_a_supervisor_and_its_trainer_survive_a_hang_up(lab: Lab) -> None:
    lab.start(total_steps=4, otherwise={"pause_at_step": 2})
    lab.wait_for_step(2)
    supervisor = lab.supervisor()
    assert supervisor
    os.kill(supervisor.pid, signal.SIGHUP)
    lab.go()
    run = lab.wait_for_over()
    assert (run.state, run.fence) == (RunState.FINISHED, 1), lab.story()


def test_both_live_in_sessions_of_their_own(lab: Lab) -> None:
    """So that Ctrl-C in the terminal of the dashboard does not reach them."""
    lab.start(total_steps=4, otherwise={"pause_at_step": 2})
    lab.wait_for_step(2)
    for process in (lab.supervisor(), lab.trainer()):
        assert process
        assert os.getsid(process.pid) == process.pid


def test_nothing_becomes_a_zombie(lab: Lab) -> None:
    lab.start(total_steps=8, attempts={"1": {"crash_at_step": 6, "grandchild": "daemon"}})
    lab.wait_for_over()
    ours = os.getpid()
    wait_until(
        lambda: not [e for e in process_table.processes() if e.is_zombie and e.parent == ours],
        "all are reaped",
    )
