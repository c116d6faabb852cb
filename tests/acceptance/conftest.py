"""One tiny model and dataset, one undisturbed run to compare with, one run that was killed three times."""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.yaml_files import dump_yaml
from tests.acceptance.studio import Said, Studio, kill, opened
from tests.fakes.tiny_models import tiny_model
from tests.training.runs import sum_row

STEPS = 120
SAVE_STEPS = 15
TRAINING = {
    "max_steps": STEPS,
    "save_steps": SAVE_STEPS,
    "learning_rate": 5e-3,
    "batch_size": 8,
    "gradient_accumulation": 2,
}


@dataclass(frozen=True)
class Room:
    """A folder with a base model, a dataset and orders that name them by relative paths."""

    folder: Path
    order: Path

    def write(self, name: str, **sections: Any) -> Path:
        """Another run.yaml beside the first."""
        path = self.folder / name
        path.write_text(dump_yaml(_order() | sections), encoding="utf-8")
        return path


@dataclass(frozen=True)
class Trained:
    """A finished run: where, and what the command that waited for it said."""

    studio: Studio
    run_id: str
    said: Said
    resting: dict[str, Any]


def _order() -> dict[str, Any]:
    method = {"name": "lora", "dropout": 0.1}
    return {"base_model": "model", "dataset": "sums.jsonl", "method": method, "training": TRAINING}


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("acceptance")
    rows = [sum_row(a, b) for a in range(6) for b in range(7)]
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tiny_model(folder / "model", "llama", [turn["content"] for row in rows for turn in row["messages"]])
    room = Room(folder, folder / "run.yaml")
    room.write("run.yaml")
    return room


@pytest.fixture(scope="session")
def undisturbed(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run that nobody touches; the measure for all the others."""
    with opened(tmp_path_factory.mktemp("undisturbed") / "workspace") as studio:
        said = studio.say("train", room.order, "--wait", "--json")
        shown = said.json()
        studio.wait_for_quiet()
        yield Trained(studio, shown["id"], said, shown)


@pytest.fixture(scope="session")
def survivor(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run whose trainer was killed at three random steps, one in each third."""
    seed = int(os.environ.get("ACCEPTANCE_SEED") or random.SystemRandom().randrange(10**6))
    third = STEPS // 3
    steps = [random.Random(seed + i).randrange(i * third + 1, (i + 1) * third - 20) for i in range(3)]
    print(f"kill at steps {steps}; repeat with ACCEPTANCE_SEED={seed}")
    with opened(tmp_path_factory.mktemp("survivor") / "workspace") as studio:
        waiting = studio.begin("train", room.order, "--wait", "--json")
        run_id = studio.only_run()
        for attempt, step in enumerate(steps, 1):
            kill(studio.at_step(run_id, step, attempt))
        out, err = waiting.communicate()
        said = Said(waiting.returncode, out, err)
        studio.wait_for_quiet()
        yield Trained(studio, run_id, said, studio.show(run_id))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with opened(tmp_path / "workspace") as studio:
        yield studio


@dataclass(frozen=True)
class Result:
    """What training computed: the adapter's tensors, and value by step of every curve but measured times."""

    tensors: dict[str, Any]
    curves: dict[str, dict[int, float]]


def result(studio: Studio, run_id: str) -> Result:
    from safetensors.torch import load

    with studio.services() as services:
        series = services.curves.curves(studio.folder(run_id).tensorboard).series
        curves = {
            tag: dict(zip(found.steps.tolist(), found.values.tolist(), strict=True))
            for tag, found in series.items()
            if not tag.startswith("perf/")
        }
    return Result(load(studio.weights(run_id)), curves)


@pytest.fixture(scope="session")
def expected(undisturbed: Trained) -> Result:
    return result(undisturbed.studio, undisturbed.run_id)


@pytest.fixture
def is_like_undisturbed(expected: Result) -> Callable[[Studio, str], bool]:
    """Whether a run gave the same weights, bit for bit, and the same curves, each step exactly once."""
    import torch

    def check(studio: Studio, run_id: str) -> bool:
        found = result(studio, run_id)
        assert found.tensors.keys() == expected.tensors.keys()
        for name, tensor in expected.tensors.items():
            assert torch.equal(found.tensors[name], tensor), name
        assert found.curves == expected.curves
        assert list(studio.curve(run_id, "train/loss")) == list(range(1, STEPS + 1))
        return True

    return check
