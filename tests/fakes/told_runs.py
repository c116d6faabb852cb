"""Runs in a store with real run.yaml files and real event files, as if they had been trained."""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from backend.containers import StudioContainer
from backend.domain.run import Attempt, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.run_files import LocalRunFiles
from backend.trainer.curves import EventFile
from config.yaml_files import dump_yaml
from tests.fakes.run_configs import SMALL
from tests.fakes.runs import NOON, a_run

Scalars = Mapping[int, Mapping[str, float]]
Texts = Mapping[int, Mapping[str, str]]
PROMPT = "Who keeps the light?"


def add_run(
    studio: StudioContainer,
    run_id: str,
    config: Mapping[str, Any] | None = None,
    scalars: Scalars | None = None,
    texts: Texts | None = None,
    **facts: Any,
) -> Run:
    """A finished run whose folder says what it was told and what came out."""
    run_dir = studio.settings().runs_folder / run_id
    attempts = (Attempt(1, "token", NOON, ended_at=NOON + timedelta(minutes=5), exit_code=0, reason="finished"),)
    given = {"state": RunState.FINISHED, "wish": Wish.STOP, "attempts": attempts, "name": run_id.title()} | facts
    run = a_run(run_id, run_dir=run_dir, **given)
    LocalRunFiles().create(run_dir, dump_yaml(SMALL | dict(config or {})))
    studio.store().create(run)
    write_events(RunDirectory(run_dir), scalars or {}, texts or {})
    return run


def write_events(folder: RunDirectory, scalars: Scalars, texts: Texts) -> None:
    """An event file by the trainer's own writer."""
    file = EventFile(folder.tensorboard, first_step=0)
    for step in sorted({*scalars, *texts}):
        if step in scalars:
            file.add(step, scalars[step])
        if step in texts:
            file.add_text(step, texts[step])
    file.close()


def losses(last: float, num_steps: int = 100, every: int = 10, seed: int = 0) -> dict[int, dict[str, float]]:
    """A loss that falls to `last`, with the noise of a seed, and its evaluations."""
    noise = random.Random(seed)  # noqa: S311 - a curve, not a secret
    points: dict[int, dict[str, float]] = {}
    for step in range(1, num_steps + 1):
        level = last + 2 * math.exp(-4 * step / num_steps) + noise.uniform(-0.05, 0.05)
        points[step] = {"train/loss": level + noise.uniform(-0.1, 0.1), "perf/tokens_per_second": 900 + step}
        if step % every == 0:
            points[step]["eval/loss"] = level
    points[num_steps]["gpu/0/memory_bytes"] = 2e9 + 1e8 * seed
    return points


def answers(by_step: Mapping[int, str], prompt: str = PROMPT) -> dict[int, dict[str, str]]:
    """Sample texts in the trainer's format."""
    return {step: {"samples/1": f"> {prompt}\n\n{answer}"} for step, answer in by_step.items()}


def seeds(numbers: Sequence[int], **config: Any) -> list[dict[str, Any]]:
    """The same order once for each seed."""
    return [config | {"training": config.get("training", {}) | {"seed": number}} for number in numbers]
