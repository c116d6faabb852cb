"""kill -9 of the trainer, the supervisor and the dashboard at random moments of a real training."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.domain.run_directory import RunDirectory
from config.yaml_files import dump_yaml
from scripts.benchmarks.faults.scene import Scene
from scripts.benchmarks.faults.trial import Fault, Trial
from tests.fakes.forked_programs import Forks
from tests.process.lab import PATIENCE_SECONDS, Lab, wait_until
from tests.training.runs import sum_row, weights

STEPS = 24
PROGRAMS = ("trainer", "supervisor", "dashboard")
VICTIMS = tuple(group for size in (1, 2, 3) for group in combinations(PROGRAMS, size))


@dataclass(frozen=True)
class Course:
    """A training that was left alone: its order, what came of it, how long and how large it was."""

    order: str
    weights: bytes
    seconds: float
    num_bytes: int


def make_course(folder: Path, forks: Forks) -> Course:
    """Make a tiny model and data, and train once in peace."""
    from tests.fakes.tiny_models import tiny_model  # noqa: PLC0415 - it needs torch

    rows = [sum_row(a, b) for a in range(3) for b in range(4)]
    dataset = folder / "sums.jsonl"
    dataset.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = [turn["content"] for row in rows for turn in row["messages"]]
    model = tiny_model(folder / "llama", "llama", corpus, num_hidden_layers=1)
    order = {
        "base_model": str(model),
        "dataset": {"path": str(dataset), "validation_fraction": 0},
        "method": {"name": "lora", "dropout": 0.1, "rank": 2, "target_modules": ["q_proj", "down_proj"]},
        "training": {"max_steps": STEPS, "learning_rate": 5e-3, "save_steps": 4, "batch_size": 2},
    }
    text = dump_yaml(order)
    scene = Scene(folder / "calm", forks, Trial("calm"))
    try:
        lab = scene.lab()
        began = time.monotonic()
        lab.make(order=text)
        lab.manager.start("a-run")
        run = scene.finish(lab)
        size = sum(path.stat().st_size for path in run.run_dir.rglob("*") if path.is_file())
        return Course(text, weights(RunDirectory(run.run_dir)), time.monotonic() - began, size)
    finally:
        scene.close()


def kill_faults(course: Course, num_kills: int) -> list[Fault]:
    """Shares `num_kills` runs out evenly among the programs and their groups."""
    shares = [num_kills // len(VICTIMS) + (number < num_kills % len(VICTIMS)) for number in range(len(VICTIMS))]
    return [
        Fault(
            f"{'-and-'.join(victims)}-killed",
            f"kill -9 of {_listed(victims)} at a random moment of a real training",
            partial(kill_in_training, course=course, victims=victims),
            times,
        )
        for victims, times in zip(VICTIMS, shares, strict=True)
        if times
    ]


def kill_in_training(scene: Scene, *, course: Course, victims: Sequence[str]) -> str:
    """One run, killed once or twice; it has to end with the very same weights."""
    share = 1.0
    while True:
        lab = scene.lab()
        dashboard = scene.open_dashboard(lab)
        lab.make(order=course.order)
        for _ in range(scene.chance.choice((1, 1, 2))):
            dashboard = _strike(scene, lab, dashboard, victims, course.seconds * share)
        run = scene.finish(lab)
        scene.trial.num_compared += 1
        if weights(RunDirectory(run.run_dir)) == course.weights:
            scene.trial.num_equal += 1
        else:
            scene.trial.problems.append(f"other weights than the undisturbed run: {lab.story()}")
        if scene.trial.num_kills:
            return _seen(lab, victims)
        share /= 2  # it was over before the blow: again, and earlier


def _strike(
    scene: Scene, lab: Lab, dashboard: ProcessIdentity, victims: Sequence[str], seconds: float
) -> ProcessIdentity:
    """Wait for a random moment, kill, see to it that there is a dashboard, and measure; the dashboard from now on."""
    _wait_for_moment(scene.chance, lab, seconds)
    found = {name: process for name in victims if (process := _find(lab, name, dashboard))}
    if len(found) < len(victims):
        return dashboard  # over already
    at = scene.kill(*(found[name] for name in scene.chance.sample(victims, len(victims))))
    if "dashboard" in victims:
        dashboard = scene.open_dashboard(lab)
    if "trainer" in victims:
        scene.recovery(lab, "a-run", found["trainer"], at)
    elif "supervisor" in victims:
        scene.recovery(lab, "a-run", found["supervisor"], at, lock="supervisor")
    return dashboard


def _wait_for_moment(chance: random.Random, lab: Lab, seconds: float) -> None:
    """Anywhere in the life of the run, half of the times within its training, where most is written."""
    if chance.random() < 0.5:  # noqa: PLR2004
        time.sleep(chance.uniform(0, seconds))
        return
    step = chance.randint(1, STEPS)
    wait_until(lambda: lab.get().is_over or any(line["step"] >= step for line in lab.steps()[-1:]), "a step")
    time.sleep(chance.uniform(0, 0.03))


def _find(lab: Lab, name: str, dashboard: ProcessIdentity) -> ProcessIdentity | None:
    """The living process of a name, waited for while the run goes on."""
    if name == "dashboard":
        return None if lab.get().is_over else dashboard
    look = lab.trainer if name == "trainer" else lab.supervisor
    end = time.monotonic() + PATIENCE_SECONDS
    while not lab.get().is_over:
        if process := look():
            return process
        assert time.monotonic() < end, f"there is no {name}: {lab.story()}"
        time.sleep(0.002)
    return None


def _seen(lab: Lab, victims: Sequence[str]) -> str:
    """What the person reads about it."""
    run = lab.get()
    if "trainer" in victims and len(run.attempts) > 1:
        first, second = run.attempts[:2]
        return f"attempt 1 ended: {first.reason}; attempt 2 starts, {_from(second.resumed_from_step)}"
    adopted = [line for line in lab.journal() if "adopted" in line]
    return adopted[0] if adopted else run.message


def _from(step: int | None) -> str:
    return "from the start" if step is None else f"resumed from step {step}"


def _listed(victims: Sequence[str]) -> str:
    return " and ".join(f"the {name}" for name in victims)
