"""Trainers that hang, crash, lie or leave something behind."""

import os
import signal
from functools import partial
from typing import Any

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault
from tests.process.lab import Lab

LOG_BYTES, LONG_LOG_BYTES = 50_000_000, 1_000_000_000
HANG_SECONDS = 0.7


def stopped_by_signal(scene: Scene) -> str:
    """SIGSTOP: it neither works nor ends, until its silence is noticed."""
    lab = _patient_lab(scene, "training")
    lab.start(total_steps=20, save_every=5, attempts={"1": {"pause_at_step": 7}})
    lab.wait_for_step(7)
    trainer = lab.trainer()
    assert trainer is not None
    at = scene.kill(trainer, number=signal.SIGSTOP)
    scene.recovery(lab, "a-run", trainer, at)
    return _resumed(scene, lab, from_step=5)


def hangs(scene: Scene, *, phase: str) -> str:
    """Alive, but without a sign of life, while it loads, trains or saves."""
    how = {"hang_at_step": 7} if phase == "training" else {"hangs_in": phase}
    lab = _patient_lab(scene, phase)
    lab.start(total_steps=20, save_every=5, attempts={"1": how})
    return _resumed(scene, lab, from_step=5 if phase == "training" else None)


def ignores_term(scene: Scene) -> str:
    """A stop that the trainer does not heed is granted with KILL after the grace; the run can go on later."""
    lab = scene.lab(stop_grace_seconds=0.5)
    lab.start(total_steps=10_000, save_every=5, attempts={"1": {"ignores_term": True}})
    lab.wait_for_step(7)
    lab.manager.stop("a-run")
    scene.watch_over(lab, "a-run")
    run = lab.wait_for_over()
    assert run.state is RunState.STOPPED, lab.story()
    assert run.attempts[0].exit_code == -signal.SIGKILL, lab.story()
    return run.message


def fails_at_import(scene: Scene) -> str:
    """A package that is missing is no reason to try three times more."""
    lab = scene.lab()
    lab.start(otherwise={"fails_at_import": True})
    scene.watch_over(lab, "a-run")
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FAILED, 1), lab.story()
    return run.message


def crashes_again_and_again(scene: Scene) -> str:
    """The same crash without progress ends the run after so many attempts."""
    lab = scene.lab()
    text = 'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nValueError: bad luck\n'
    lab.start(total_steps=30, save_every=50, otherwise={"crash_at_step": 2, "text": text})
    scene.watch_over(lab, "a-run")
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts), run.wish) == (RunState.FAILED, 4, Wish.STOP), lab.story()
    return run.message


def crashes_by_signal(scene: Scene) -> str:
    """A fault inside a compiled library."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, attempts={"1": {"crash_at_step": 7, "signal": "SIGSEGV"}})
    return _resumed(scene, lab, from_step=5)


def leaves_early(scene: Scene) -> str:
    """Exit code 0, but neither all steps nor a word about the end."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, attempts={"1": {"crash_at_step": 7, "exit_code": 0}})
    return _resumed(scene, lab, from_step=5)


def leaves_children(scene: Scene, *, kind: str) -> str:
    """What it forked lives in a session of its own when it is killed."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, attempts={"1": {"grandchild": kind, "pause_at_step": 7}})
    lab.wait_for_step(7)
    trainer = lab.trainer()
    assert trainer is not None
    at = scene.kill(trainer)
    scene.recovery(lab, "a-run", trainer, at)
    told = _resumed(scene, lab, from_step=5)
    assert lab.marked() == [], "its children live on"
    return told


def killed_for_memory(scene: Scene) -> str:
    """The kernel kills it for want of memory: the same again would end the same way."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, otherwise={"crash_at_step": 7, "oom_kill": True})
    scene.watch_over(lab, "a-run")
    run = lab.wait_for_over()
    assert (run.state, run.error_id) == (RunState.FAILED, "killed-out-of-memory"), lab.story()
    return run.message


def runs_into_memory_limit(scene: Scene) -> str:
    """A limit of the address space, which Python turns into a MemoryError."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, otherwise={"hungry_at_step": 7})
    scene.watch_over(lab, "a-run")
    run = lab.wait_for_over()
    assert (run.state, run.error_id) == (RunState.FAILED, "out-of-memory"), lab.story()
    return run.message


def floods_log(scene: Scene) -> str:
    """Output without end blocks nobody, and the run finishes."""
    lab = scene.lab()
    size = LONG_LOG_BYTES if scene.is_long else LOG_BYTES
    lab.start(total_steps=20, otherwise={"flood_bytes": size})
    run = scene.finish(lab, seconds=300)
    kept = sum(path.stat().st_size for path in RunDirectory(run.run_dir).logs.iterdir())
    return f"{run.message} The log takes {kept / 1e6:,.0f} MB of the disk for {size / 1e6:,.0f} MB written."


def torn_record(scene: Scene) -> str:
    """The word about its end is cut in the middle; the exit code still tells."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, attempts={"1": {"exit_code_at_start": 1, "torn_record": True}})
    return _resumed(scene, lab, from_step=None)


def torn_heartbeat(scene: Scene) -> str:
    """A sign of life cut in the middle is none; the next one counts."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, otherwise={"pause_at_step": 7})
    lab.wait_for(RunState.RUNNING)
    lab.wait_for_step(7)
    heartbeat = RunDirectory(lab.get().run_dir).heartbeat
    heartbeat.write_text(heartbeat.read_text(encoding="utf-8")[:20], encoding="utf-8")
    lab.go()
    run = scene.finish(lab)
    assert len(run.attempts) == 1, lab.story()
    return run.message


def torn_checkpoint(scene: Scene) -> str:
    """The newest checkpoint is damaged and the trainer killed: it goes on from the one before."""
    lab = scene.lab()
    lab.start(total_steps=20, save_every=5, attempts={"1": {"pause_at_step": 12}})
    lab.wait_for_step(12)
    newest = RunDirectory(lab.get().run_dir).checkpoints / "checkpoint-10"
    os.truncate(newest / "weights", 3)
    trainer = lab.trainer()
    assert trainer is not None
    at = scene.kill(trainer)
    scene.recovery(lab, "a-run", trainer, at)
    return _resumed(scene, lab, from_step=5)


def _patient_lab(scene: Scene, phase: str) -> Lab:
    """Its trainers may be silent for so long in one phase; a busy machine is silent in others at times."""
    patience: dict[str, Any] = {f"hang_{phase}_seconds": HANG_SECONDS}
    return scene.lab(**patience)


def _resumed(scene: Scene, lab: Lab, from_step: int | None) -> str:
    """It took two attempts, the second from there, and every step was done."""
    run = scene.finish(lab)
    assert len(run.attempts) == 2, lab.story()  # noqa: PLR2004 - the second is the resumed one
    first, second = run.attempts
    assert second.resumed_from_step == from_step, lab.story()
    steps = {line["step"] for line in lab.steps()}
    assert steps == set(range(1, max(steps) + 1)), lab.story()
    start = "from the start" if from_step is None else f"resumed from step {from_step}"
    return f"attempt 1 ended: {first.reason}; attempt 2 starts, {start}"


FAULTS = (
    Fault("sigstop", "SIGSTOP of the trainer (limit of silence 0.7 s)", stopped_by_signal, 5),
    Fault("hang-in-load", "the trainer hangs while loading (limit 0.7 s)", partial(hangs, phase="loading"), 5),
    Fault("hang-in-step", "the trainer hangs in a step (limit 0.7 s)", partial(hangs, phase="training"), 5),
    Fault("hang-in-save", "the trainer hangs while saving (limit 0.7 s)", partial(hangs, phase="saving"), 5),
    Fault("ignores-term", "the trainer ignores TERM when a person says stop (grace 0.5 s)", ignores_term, 5),
    Fault("crash-at-import", "a package is missing: the trainer crashes at import", fails_at_import, 5),
    Fault("crash-loop", "the trainer crashes again and again at the same step", crashes_again_and_again, 5),
    Fault("segfault", "SIGSEGV in the trainer", crashes_by_signal, 5),
    Fault("exit-0-early", "the trainer exits with 0 without finishing", leaves_early, 5),
    Fault(
        "grandchild-session",
        "kill -9 of a trainer that has a child in a session of its own",
        partial(leaves_children, kind="session"),
        5,
    ),
    Fault(
        "grandchild-daemon",
        "kill -9 of a trainer whose child has forked a daemon",
        partial(leaves_children, kind="daemon"),
        5,
    ),
    Fault("oom-killed", "SIGKILL, and the kernel counts one more process killed for memory", killed_for_memory, 5),
    Fault("memory-limit", "the trainer runs into a limit of its memory (RLIMIT_AS)", runs_into_memory_limit, 5),
    Fault("log-flood", "the trainer floods its log", floods_log, 1),
    Fault("torn-record", "the trainer's exit record is torn", torn_record, 5),
    Fault("torn-heartbeat", "the heartbeat file is torn", torn_heartbeat, 5),
    Fault("torn-checkpoint", "the newest checkpoint is torn, and kill -9 of the trainer", torn_checkpoint, 5),
)
