"""A machine that was restarted: real processes that were killed, and records that are of another boot."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.domain.states import RunState, Wish
from backend.executors.local import LocalExecutor
from backend.executors.process_table import boot_id
from backend.probes.clock import SystemClock
from backend.services.after_reboot import AfterReboot
from backend.services.process_manager import ProcessManager
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process


def lose_power(lab: Lab, workspace: Path) -> None:
    """Kill both, and let the records speak of a boot that is no more."""
    supervisor, trainer = lab.supervisor(), lab.trainer()
    lab.kill(supervisor)
    lab.kill(trainer)
    wait_until(lambda: lab.marked() == [], "nothing of the attempt lives")
    with sqlite3.connect(workspace / "studio.db") as database:
        database.execute("UPDATE runs SET supervisor_boot_id = 'before'")
        database.execute("UPDATE attempts SET boot_id = 'before'")
    database.close()


def after_the_reboot(lab: Lab, policy: str) -> ProcessManager:
    """As a dashboard would have it that is the first to look."""
    reboots = AfterReboot(lab.store, LocalExecutor(), SystemClock(), policy, boot_id())
    manager = lab.new_manager()
    manager._after_reboot = reboots.settle
    return manager


@pytest.mark.parametrize(
    ("policy", "state", "wish"),
    [("ask", RunState.PAUSED, Wish.PAUSE), ("leave", RunState.STOPPED, Wish.STOP)],
)
def test_a_run_waits_for_a_person_and_then_goes_on_from_its_checkpoint(
    make_lab: Callable[..., Lab], workspace: Path, policy: str, state: RunState, wish: Wish
) -> None:
    lab = make_lab(after_reboot=policy)
    lab.start(total_steps=30, save_every=5, attempts={"1": {"pause_at_step": 12}})
    lab.wait_for_step(12)
    lose_power(lab, workspace)
    manager = after_the_reboot(lab, policy)
    assert manager.reconcile().started == ()
    run = lab.get()
    assert (run.state, run.wish, len(run.attempts)) == (state, wish, 1)
    assert "The machine was restarted" in run.message
    assert manager.reconcile().started == ()

    lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
    assert manager.start("a-run")
    run = lab.wait_for_over()
    assert run.state is RunState.FINISHED, lab.story()
    assert run.attempts[1].resumed_from_step == 10
    assert run.error_id == ""


def test_by_default_a_run_goes_on_by_itself(lab: Lab, workspace: Path) -> None:
    lab.start(total_steps=30, save_every=5, attempts={"1": {"pause_at_step": 12}})
    lab.wait_for_step(12)
    lose_power(lab, workspace)
    assert after_the_reboot(lab, "resume").reconcile().started == ("a-run",)
    run = lab.wait_for_over()
    assert (run.state, run.attempts[1].resumed_from_step) == (RunState.FINISHED, 10), lab.story()
