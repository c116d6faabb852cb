"""A store that is locked, cannot be written, is damaged or gone, while a run is trained."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.errors import StudioError
from backend.executors import process_table
from backend.probes.clock import SystemClock
from backend.services.reindexing import Reindexing
from backend.store.records import DirectoryRecords
from backend.store.sql_store import SqlRunStore
from scripts.benchmarks.faults.mounts import read_only
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault
from tests.process.lab import Lab, wait_until

ORDER = "base_model: demo\ndataset: sample:demo.jsonl\nmethod: lora\n"
FILES = ("studio.db", "studio.db-wal", "studio.db-shm")
LOCKED_SECONDS = 2.0


def locked(scene: Scene) -> str:
    """Another program holds the store for longer than a supervisor waits at once; the trainer dies meanwhile."""
    lab, trainer = _paused_run(scene)
    with closing(sqlite3.connect(lab.workspace / FILES[0], isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        at = scene.kill(trainer)
        time.sleep(LOCKED_SECONDS)
        other.execute("ROLLBACK")
    scene.recovery(lab, "a-run", trainer, at)
    run = scene.finish(lab)
    assert len(run.attempts) == 2, lab.story()  # noqa: PLR2004 - killed once
    return f"attempt 1 ended: {run.attempts[0].reason}; attempt 2 starts, resumed from step 5"


def not_writable(scene: Scene) -> str:
    """Its folder turns read-only, and the supervisor dies: the trainer goes on, and is adopted afterwards."""
    lab, trainer = _paused_run(scene)
    supervisor = lab.supervisor()
    assert supervisor is not None
    with read_only(lab.workspace, but=lab.runs_folder):
        scene.kill(supervisor)
        url = f"sqlite:///{lab.workspace / FILES[0]}"
        told = _refusal(lambda: SqlRunStore(url, SystemClock()).set_wish("a-run", Wish.STOP, "stop"))
        scene.open_dashboard(lab)
        time.sleep(0.5)
        assert process_table.is_alive(trainer), "the trainer did not survive"
    _go_on_in_one_attempt(scene, lab, trainer)
    return told


def damaged(scene: Scene) -> str:
    """Every byte of it is overwritten; a person moves it away and runs `reindex`."""
    lab, trainer = _paused_run(scene)
    for name in FILES:
        path = lab.workspace / name
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(scene.chance.randbytes(size))
    told = _refusal(lambda: lab.store.set_wish("a-run", Wish.STOP, "stop"))
    time.sleep(0.5)
    _move_away(lab)
    _find_again(lab)
    scene.open_dashboard(lab)
    _go_on_in_one_attempt(scene, lab, trainer)
    return told


def deleted(scene: Scene) -> str:
    """It is gone; `reindex` brings the run back, and whoever looks next adopts the trainer."""
    lab, trainer = _paused_run(scene)
    _move_away(lab)
    time.sleep(0.5)
    _find_again(lab)
    scene.open_dashboard(lab)
    _go_on_in_one_attempt(scene, lab, trainer)
    return _last_reason(lab, "Found again")


def deleted_with_record(scene: Scene, *, is_torn: bool) -> str:
    """The run's own record is gone or torn too: nobody knows that it was wished for, so a person resumes it."""
    lab, trainer = _paused_run(scene)
    record = RunDirectory(lab.get().run_dir).record
    supervisor = lab.supervisor()
    assert supervisor is not None
    scene.kill(supervisor)
    wait_until(lambda: lab.supervisor() is None, "the supervisor is gone")
    _move_away(lab)
    os.truncate(record, record.stat().st_size // 2) if is_torn else record.unlink()
    _find_again(lab)
    run = lab.get()
    assert (run.state, run.wish) == (RunState.STOPPED, Wish.STOP), lab.story()
    told = run.message
    assert process_table.is_alive(trainer), "the trainer did not survive"
    lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
    lab.manager.start("a-run")
    lab.go()
    scene.finish(lab)
    return told


def _paused_run(scene: Scene) -> tuple[Lab, ProcessIdentity]:
    """A run whose first trainer waits at step 7 until it may go."""
    lab = scene.lab()
    lab.make(order=ORDER, total_steps=20, save_every=5, attempts={"1": {"pause_at_step": 7}})
    assert lab.manager.start("a-run")
    lab.wait_for(RunState.RUNNING)
    lab.wait_for_step(7)
    trainer = lab.trainer()
    assert trainer is not None
    return lab, trainer


def _go_on_in_one_attempt(scene: Scene, lab: Lab, trainer: ProcessIdentity) -> None:
    wait_until(lambda: lab.supervisor() is not None, "somebody looks after the run")
    assert lab.trainer() == trainer, lab.story()
    lab.go()
    run = scene.finish(lab)
    assert len(run.attempts) == 1, lab.story()


def _move_away(lab: Lab) -> None:
    lost = lab.workspace / "lost"
    lost.mkdir()
    for name in FILES:
        path = lab.workspace / name
        if path.exists():
            path.rename(lost / name)


def _find_again(lab: Lab) -> None:
    """As `peft-studio reindex` does."""
    report = Reindexing(lab.store, DirectoryRecords(), Path(lab.runs_folder), SystemClock()).run()
    assert report.restored == ("a-run",), report


def _refusal(action: Callable[[], object]) -> str:
    """What a person is told who wants something now."""
    try:
        action()
    except StudioError as error:
        return error.explain().sentence()
    raise AssertionError("nothing was refused")


def _last_reason(lab: Lab, word: str) -> str:
    return [line for line in lab.journal() if word in line][-1]


FAULTS = (
    Fault("store-locked", "the store is locked for 2 s, and kill -9 of the trainer meanwhile", locked, 5),
    Fault("store-read-only", "the store cannot be written, and kill -9 of the supervisor", not_writable, 3),
    Fault("store-corrupt", "every byte of the store is overwritten", damaged, 5),
    Fault("store-deleted", "the store is deleted", deleted, 5),
    Fault(
        "store-and-record-torn",
        "the store is deleted, the run's record is torn, kill -9 of the supervisor",
        partial(deleted_with_record, is_torn=True),
        5,
    ),
    Fault(
        "store-and-record-deleted",
        "the store and the run's record are deleted, kill -9 of the supervisor",
        partial(deleted_with_record, is_torn=False),
        5,
    ),
)
