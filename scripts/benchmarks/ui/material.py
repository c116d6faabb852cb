"""A workspace as after months of use: many ended runs, some live ones, a large dataset."""

import json
import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from backend.containers import build_container
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import RunStore
from backend.domain.run import Attempt, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.run_files import LocalRunFiles
from backend.trainer.curves import EventFile
from config.settings import Settings
from config.yaml_files import dump_yaml

METHODS = ("lora", "qlora", "dora", "pissa", "rslora")
STATES = (RunState.FINISHED, RunState.FINISHED, RunState.STOPPED, RunState.FAILED)
TOTAL_STEPS, LIVE_STEPS = 200, 1_000_000
NUM_CURVES = 10  # different event files; the runs share copies of them
WITH_ADAPTER = 7  # every so many finished runs


@dataclass(frozen=True, slots=True)
class Material:
    """What the clicks need to know of the workspace."""

    live: tuple[str, ...]
    folders: tuple[Path, ...]
    dataset: Path


def make(settings: Settings, num_runs: int, num_live: int, num_rows: int) -> Material:
    """Ended runs with run.yaml, event file, log and heartbeat each; live ones that live_run.py is to play."""
    container = build_container(settings)
    store = container.store()
    curves = _curves(settings.workspace / "curves")
    now = datetime.now(UTC)
    for number in range(num_live, num_runs):
        _ended(store, settings.runs_folder, curves, number, now - timedelta(minutes=11 * number))
    live = [
        _live(store, settings.runs_folder, number, now - timedelta(minutes=number + 1)) for number in range(num_live)
    ]
    rows = settings.workspace / "rows.jsonl"
    write_rows(rows, num_rows)
    with rows.open("rb") as file:
        stored = container.services().datasets.upload(f"{num_rows}-rows.jsonl", file)
    container.shutdown_resources()
    return Material(tuple(run.id for run in live), tuple(run.run_dir for run in live), Path(stored.path))


def write_rows(path: Path, num_rows: int) -> None:
    """Short questions with answers."""
    lines = (
        json.dumps({"prompt": f"What is {i} and {i}?", "completion": f"It is {2 * i}. " * (1 + i % 9)})
        for i in range(num_rows)
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def loss(step: int, chance: random.Random) -> dict[str, float]:
    """What a trainer writes at a step."""
    level = 2.5 * math.exp(-step / 60) + 0.4
    values = {
        "train/loss": level + chance.gauss(0, 0.05),
        "train/learning_rate": 1e-4,
        "perf/tokens_per_second": 900 + chance.gauss(0, 20),
    }
    return values | ({"eval/loss": level} if step % 20 == 0 else {})


def _curves(folder: Path) -> list[Path]:
    made = []
    for number in range(NUM_CURVES):
        place = folder / str(number)
        place.mkdir(parents=True)
        chance = random.Random(number)  # noqa: S311 - sample data
        file = EventFile(place, first_step=0)
        for step in range(1, TOTAL_STEPS + 1):
            file.add(step, loss(step, chance))
        file.close()
        made.append(place)
    return made


def _ended(store: RunStore, runs: Path, curves: Sequence[Path], number: int, at: datetime) -> None:
    chance = random.Random(number)  # noqa: S311 - sample data
    state = chance.choice(STATES)
    attempt = Attempt(
        1, "token", at - timedelta(minutes=9), ended_at=at, exit_code=0, last_step=TOTAL_STEPS, reason=state.value
    )
    run = _run(
        runs, number, at, state=state, wish=Wish.STOP, attempts=(attempt,), message=f"Ended at step {TOTAL_STEPS}."
    )
    folder = RunDirectory(run.run_dir)
    _folder(folder, number, LIVE_STEPS if state is RunState.FAILED else TOTAL_STEPS)
    shutil.copytree(curves[number % NUM_CURVES], folder.tensorboard, dirs_exist_ok=True)
    beat = Heartbeat("token", 1, 1, Phase.TRAINING, TOTAL_STEPS, TOTAL_STEPS, at.timestamp(), seconds_per_step=2.5)
    folder.heartbeat.write_text(beat.to_json(), encoding="utf-8")
    if state is RunState.FINISHED and number % WITH_ADAPTER == 0:
        folder.adapter.mkdir()
        (folder.adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}', encoding="utf-8")
        save_file({"lora_A": np.zeros((8, 8), np.float32)}, folder.adapter / "adapter_model.safetensors")
    store.restore(run, ())


def _live(store: RunStore, runs: Path, number: int, at: datetime) -> Run:
    attempts = (Attempt(1, "token", at),)
    told = {"state": RunState.RUNNING, "wish": Wish.RUN, "attempts": attempts, "slots": (f"cpu:{number}",)}
    run = _run(runs, number, at, message="Training.", **told)
    _folder(RunDirectory(run.run_dir), number, LIVE_STEPS)
    store.restore(run, ())
    return run


def _run(runs: Path, number: int, at: datetime, **told: object) -> Run:
    chance = random.Random(number)  # noqa: S311 - sample data
    run_id = f"{at:%Y%m%d-%H%M%S}-run-{number:04x}"
    facts = {
        "id": run_id,
        "name": f"run {number}",
        "run_dir": runs / run_id,
        "created_at": at,
        "updated_at": at,
        "method": METHODS[number % len(METHODS)],
        "base_model": "demo",
        "dataset": "sample:demo.jsonl",
        "tags": tuple(chance.sample(("keep", "paper", "sweep"), chance.randrange(3))),
    }
    return Run(**facts | told)  # type: ignore[arg-type]


def _folder(folder: RunDirectory, number: int, steps: int) -> None:
    order = {
        "name": f"run {number}",
        "base_model": "demo",
        "dataset": {"path": "sample:demo.jsonl"},
        "method": {"name": METHODS[number % len(METHODS)], "rank": 2 ** (2 + number % 5)},
        "training": {"seed": number % 3, "learning_rate": 1e-4 * (1 + number % 4), "max_steps": steps},
    }
    LocalRunFiles().create(folder.root, dump_yaml(order))
    lines = (f"step {step}: loss {2 / step:.4f}" for step in range(1, TOTAL_STEPS + 1))
    folder.log(1).write_text("\n".join(lines) + "\n", encoding="utf-8")
