"""Orders for the acceptance tests, and what comes of them."""

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.yaml_files import dump_yaml
from tests.acceptance.studio import Said, Studio

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
        path.write_text(dump_yaml(an_order() | sections), encoding="utf-8")
        return path


@dataclass(frozen=True)
class Trained:
    """A finished run: where, and what the command that waited for it said."""

    studio: Studio
    run_id: str
    said: Said
    resting: dict[str, Any]


def an_order() -> dict[str, Any]:
    method = {"name": "lora", "dropout": 0.1}
    return {"base_model": "model", "dataset": "sums.jsonl", "method": method, "training": TRAINING}


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
            if not tag.startswith(("perf/", "gpu/", "system/"))
        }
    return Result(load(studio.weights(run_id)), curves)


def chosen_seed() -> int:
    """Another one each time, or ACCEPTANCE_SEED to repeat what happened."""
    return int(os.environ.get("ACCEPTANCE_SEED") or random.SystemRandom().randrange(10**6))
