"""Standby and queue under kills, and a disk that is nearly full."""

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from backend.domain.states import RunState, Wish
from backend.domain.transition import Requeueing
from scripts.benchmarks.faults.mounts import small_disk
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault
from tests.process.lab import wait_until

DISK_BYTES, KEPT_FREE_BYTES, LEFT_BYTES = 32_000_000, 8_000_000, 2_000_000
QUEUE = ("first", "second", "third")


def standby_killed(scene: Scene) -> str:
    """The process that waits to take over is killed, then the trainer: a cold start does as well."""
    lab = scene.lab(is_forked=False, standby="true", standby_after_seconds=0, standby_min_free_bytes=0)
    pace: dict[str, Any] = {"save_every": 5, "step_seconds": 0.02}
    lab.start(total_steps=100_000, **pace)  # it is not over before its standby is ready
    standby = lab.wait_for_standby()
    trainer = lab.trainer()
    assert trainer is not None
    lab.plan(total_steps=lab.steps()[-1]["step"] + 200, **pace)
    at = scene.kill(standby, trainer)
    scene.recovery(lab, "a-run", trainer, at)
    run = scene.finish(lab)
    assert len(run.attempts) == 2, lab.story()  # noqa: PLR2004 - killed once
    first, second = run.attempts
    return f"attempt 1 ended: {first.reason}; attempt 2 starts, resumed from step {second.resumed_from_step}"


def queue_killed(scene: Scene) -> str:
    """Everything is killed while the first of three trains; a dashboard is opened: they go on, in their order."""
    lab = scene.lab()
    now = datetime.now(UTC)
    for number, name in enumerate(QUEUE):
        lab.make(name, total_steps=20, save_every=5, step_seconds=0.02)
        lab.store.requeue([Requeueing(name, queued_at=now + timedelta(seconds=number))])
    dashboard = scene.open_dashboard(lab)  # only now is their order settled
    lab.wait_for_step(scene.chance.randint(2, 15), run_id=QUEUE[0])
    waiting = lab.get(QUEUE[1]).message
    processes = [found for found in (lab.trainer(QUEUE[0]), lab.supervisor(QUEUE[0])) if found]
    scene.kill(*processes, dashboard)
    scene.open_dashboard(lab)
    runs = [scene.finish(lab, name) for name in QUEUE]
    for before, then in pairwise(runs):
        ended = before.attempts[-1].ended_at
        assert ended is not None
        assert ended <= then.attempts[0].started_at, f"{then.id} began before {before.id} had ended"
    assert [len(run.attempts) for run in runs[1:]] == [1, 1], lab.story(QUEUE[1])
    return waiting


def disk_nearly_full(scene: Scene) -> str:
    """Room runs out while it trains: it is paused with a checkpoint instead of dying, and goes on when resumed."""
    lab = scene.lab(min_free_bytes=KEPT_FREE_BYTES)
    lab.runs_folder.mkdir(parents=True)
    with small_disk(lab.runs_folder, DISK_BYTES):
        lab.start(total_steps=20, save_every=5, attempts={"1": {"pause_at_step": 7}})
        lab.wait_for_step(7)
        filler = fill(lab.runs_folder, LEFT_BYTES)
        lab.wait_for(RunState.PAUSED)
        told = lab.get().message
        wait_until(lambda: lab.supervisor() is None, "the supervisor has left")
        filler.unlink()
        lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
        lab.manager.start("a-run")
        scene.finish(lab)
        scene.settle(lab)
    return told


def fill(folder: Path, but_bytes: int) -> Path:
    """A file that leaves only so much of the disk."""
    filler = folder / ".filler"
    found = os.statvfs(folder)
    filler.write_bytes(bytes(found.f_bavail * found.f_frsize - but_bytes))
    return filler


FAULTS = (
    Fault("standby-killed", "kill -9 of the warm standby and the trainer, fresh interpreters", standby_killed, 3),
    Fault("queue-killed", "kill -9 of everything while the first of three queued runs trains", queue_killed, 5),
    Fault(
        "disk-nearly-full",
        "the disk fills up while a run trains; a person frees space and resumes",
        disk_nearly_full,
        3,
    ),
)
