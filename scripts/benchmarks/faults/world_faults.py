"""Clocks that jump, pids that come back, and several people at once."""

import subprocess
import sys
import threading
from pathlib import Path

from backend.domain.states import RunState, Wish
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault, NotRun
from tests.process.lab import Lab, wait_until

ROOT = Path(__file__).resolve().parents[3]
DAY, HOUR = 86_400, 3_600
SOON_SECONDS = 30.0  # a wait that heeds the wall clock would take an hour


def clock_jumps(scene: Scene) -> str:
    """An hour back and a day ahead, each followed by a kill: no wait gets longer, nothing counts as a hang."""
    lab = scene.lab(hang_training_seconds=30, hang_saving_seconds=30)
    attempts = {str(n): {"pause_at_step": 5 * n + 2, "clock_jump_at_step": 5 * n + 1} for n in (1, 2)}
    attempts["1"]["clock_jump_seconds"], attempts["2"]["clock_jump_seconds"] = -HOUR, DAY
    lab.start(total_steps=20, save_every=5, attempts=attempts)
    for number, jump in ((1, -HOUR), (2, DAY)):
        lab.wait_for_step(5 * number + 2, attempt=number)
        (lab.get().run_dir / "clock-jump").write_text(str(jump), encoding="utf-8")
        trainer = lab.trainer()
        assert trainer is not None
        found = scene.recovery(lab, "a-run", trainer, scene.kill(trainer))
        assert found.to_process is not None, lab.story()
        assert found.to_process < SOON_SECONDS, f"the restart came after {found.to_process:.1f} s"
    run = scene.finish(lab)
    assert len(run.attempts) == 3, lab.story()  # noqa: PLR2004 - killed twice
    return run.message


def pid_reused(scene: Scene) -> str:
    """Somebody innocent gets the very pids of the killed trainer and supervisor."""
    command = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh")
    program = (sys.executable, "-m", "scripts.benchmarks.faults.pid_reuse", str(scene.folder))
    done = subprocess.run([*command, *program], check=False, capture_output=True, text=True, cwd=ROOT)
    if "unshare" in done.stderr and done.returncode:
        raise NotRun(f"no namespace for pids: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    scene.trial.num_kills += 2
    scene.trial.num_runs += 1
    scene.trial.num_finished += 1
    return done.stdout.splitlines()[-1]


def several_dashboards(scene: Scene) -> str:
    """Three of them look after the same three runs all the time: each run starts once."""
    lab = scene.lab()
    for _ in range(3):
        scene.open_dashboard(lab)
    names = [f"run-{number}" for number in range(3)]
    for name in names:
        lab.make(name, total_steps=10)
    for name in names:
        run = scene.finish(lab, name)
        assert (len(run.attempts), run.fence) == (1, 1), lab.story(name)
    return lab.get(names[0]).message


def two_people(scene: Scene) -> str:
    """Two dashboards click stop and resume of one run at once, again and again; the last word counts."""
    lab = scene.lab()
    lab.make(total_steps=200, save_every=5)
    people = [threading.Thread(target=_click, args=(lab, scene.chance.random())) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
    lab.manager.start("a-run")
    scene.open_dashboard(lab)  # a supervisor that was just leaving is followed by another
    return scene.finish(lab).message


def _click(lab: Lab, seed: float) -> None:
    manager = lab.new_manager()
    for number in range(6):
        if (number + (seed < 0.5)) % 2:  # noqa: PLR2004
            manager.stop("a-run")
            wait_until(lambda: lab.get().state is not RunState.STARTING, "it has begun or ended")
        else:
            lab.store.set_wish("a-run", Wish.RUN, "Resume was asked for.")
            manager.start("a-run")


FAULTS = (
    Fault(
        "clock-jumps",
        "the clock jumps an hour back, then a day ahead, kill -9 of the trainer after each",
        clock_jumps,
        5,
    ),
    Fault(
        "pid-reuse", "kill -9 of both; other programs get the pids of the trainer and of the supervisor", pid_reused, 3
    ),
    Fault("three-dashboards", "three dashboards look after three new runs at once", several_dashboards, 5),
    Fault("two-people", "two dashboards click stop and resume of one run at once, six times each", two_people, 5),
)
