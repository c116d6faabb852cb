"""Real training on a disk that fills up, and with programs that start as they do for a person."""

import contextlib
import time
from functools import partial
from pathlib import Path

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from scripts.benchmarks import recovery
from scripts.benchmarks.faults.kills import Course
from scripts.benchmarks.faults.mounts import small_disk
from scripts.benchmarks.faults.people_faults import fill
from scripts.benchmarks.faults.scene import Scene, trainers_of
from scripts.benchmarks.faults.trial import Fault, Recovery
from scripts.benchmarks.recovery import a_demo_run
from tests.process.lab import Lab, wait_until
from tests.training.runs import weights

DISK_BYTES = 16_000_000
DEMO_KILLS = 10
STORY_SECONDS = 120.0
TOLD_TRAINER = Path(__file__).resolve().parents[3] / "tests" / "fakes" / "told_trainer.py"


def training_faults(course: Course) -> list[Fault]:
    """Those that need a real trainer."""
    full = "the disk is full when a checkpoint is written; a person frees space and resumes"
    cold = "kill -9 of the trainer before its standby was ready; fresh interpreters, cold start"
    warm = "kill -9 of the demo's trainer again and again; fresh interpreters, warm standby"
    pause = "a person says pause, and kill -9 of the supervisor, the trainer or both; resumed later"
    return [
        Fault("pause-and-kill", pause, partial(pause_and_kill, course=course), 6),
        Fault("disk-full", full, partial(disk_full, course=course), 3),
        Fault("trainer-killed-for-real", cold, partial(killed_for_real, course=course), 2),
        Fault("demo-killed", warm, demo_killed),
    ]


def pause_and_kill(scene: Scene, *, course: Course) -> str:
    """The wish is granted all the same: nothing is in memory while it is paused, and it goes on exactly."""
    lab = scene.lab()
    scene.open_dashboard(lab)
    lab.make(order=course.order)
    lab.manager.start("a-run")
    lab.wait_for_step(scene.chance.randint(1, 12))
    lab.store.set_wish("a-run", Wish.PAUSE, "Pause was asked for.")
    time.sleep(scene.chance.uniform(0, 0.2))
    found = {"trainer": lab.trainer(), "supervisor": lab.supervisor()}
    victims = scene.chance.choice((("trainer",), ("supervisor",), ("trainer", "supervisor")))
    scene.kill(*(process for name in victims if (process := found[name])))
    wait_until(lambda: not lab.get().needs_supervisor, f"the run rests: {lab.story()}", STORY_SECONDS)
    run = lab.get()
    assert run.state in (RunState.PAUSED, RunState.FINISHED), lab.story()
    wait_until(lambda: not trainers_of("a-run", lab.workspace), "no trainer is left in memory")
    told = run.message
    if run.state is RunState.PAUSED:
        lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
        lab.manager.start("a-run")
    _compare(scene, scene.finish(lab, seconds=STORY_SECONDS).run_dir, course)
    return told


def disk_full(scene: Scene, *, course: Course) -> str:
    """Something else takes all space but a little; what was saved before is untouched."""
    lab = scene.lab(min_free_bytes=0)  # else it would pause before
    lab.runs_folder.mkdir(parents=True)
    with small_disk(lab.runs_folder, DISK_BYTES):
        lab.make(order=course.order)
        filler = fill(lab.runs_folder, course.num_bytes * 3 // 4)
        lab.manager.start("a-run")
        _wait_for_rest(lab)
        told = lab.get().message
        filler.unlink()
        lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
        lab.manager.start("a-run")
        run = scene.finish(lab, seconds=STORY_SECONDS)
        _compare(scene, run.run_dir, course)
        scene.settle(lab)  # before its disk goes
    return told


def killed_for_real(scene: Scene, *, course: Course) -> str:
    """No forks: a fresh supervisor and the real trainer, restarted in whatever way the settings say."""
    lab = scene.lab(is_forked=False, trainer_file=TOLD_TRAINER, standby="true", standby_after_seconds=0)
    lab.make(order=course.order)
    lab.manager.start("a-run")
    lab.wait_for_step(scene.chance.randint(1, 8))
    trainer = lab.trainer()
    assert trainer is not None
    at = scene.kill(trainer)
    scene.recovery(lab, "a-run", trainer, at)
    run = scene.finish(lab, seconds=STORY_SECONDS)
    _compare(scene, run.run_dir, course)
    first, second = run.attempts
    return f"attempt 1 ended: {first.reason}; attempt 2 resumed from step {second.resumed_from_step}"


def demo_killed(scene: Scene) -> str:
    """As a person starts the demo, without end; the standby takes over each time."""
    with a_demo_run(has_standby=True) as (services, run_id):
        for _ in range(DEMO_KILLS):
            found = recovery.killed(services, run_id, has_standby=True)
            assert found.was_warm, "it was a cold start"
            scene.trial.num_kills += 1
            scene.trial.recoveries.append(Recovery(found.to_process_seconds, found.to_step_seconds))
        view = services.status.show(run_id)
        told, workspace = view.run.message, view.run.run_dir.parent.parent
        assert len(view.run.attempts) == DEMO_KILLS + 1, told
    wait_until(lambda: not trainers_of(run_id, workspace), "no trainer is left")
    return told


def _wait_for_rest(lab: Lab) -> None:
    """Until the run has given up, or waits for a person."""
    end = time.monotonic() + STORY_SECONDS
    resting = {RunState.FAILED, RunState.PAUSED, RunState.STOPPED}
    while lab.get().state not in resting:
        assert lab.get().state is not RunState.FINISHED, "the disk was large enough"
        assert time.monotonic() < end, lab.story()
        time.sleep(0.02)
    with contextlib.suppress(AssertionError):
        lab.wait_for_over(seconds=2)


def _compare(scene: Scene, run_dir: Path, course: Course) -> None:
    scene.trial.num_compared += 1
    if weights(RunDirectory(run_dir)) == course.weights:
        scene.trial.num_equal += 1
    else:
        scene.trial.problems.append("other weights than the undisturbed run")
