"""PEFT Studio: the order of a run, and its engine driven bare, without what supervision adds."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.domain.run_directory import RunDirectory
from config.yaml_files import dump_yaml
from scripts.benchmarks.training.common import LEARNING_RATE, LORA_ALPHA, LORA_RANK, SEED
from scripts.benchmarks.training.material import Material


def order(material: Material, data: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What run.yaml holds; `changes` are settings by section, such as {"speed": {...}}."""
    size = material.size
    training = {
        "max_steps": size.steps,
        "batch_size": size.batch,
        "learning_rate": LEARNING_RATE,
        "scheduler": "constant",
        "warmup_ratio": 0,
        "max_length": size.longest,
        "seed": SEED,
        "save_steps": 1_000_000,  # once, at the end
        **changes.get("training", {}),
    }
    return {
        "name": "bench",
        "base_model": str(material.model),
        "dataset": {"path": str(material.text(data)), "validation_fraction": 0},
        "method": {"name": "lora", "rank": LORA_RANK, "alpha": LORA_ALPHA},
        "training": training,
    } | {section: value for section, value in changes.items() if section != "training"}


def make_run(folder: Path, material: Material, data: str, changes: Mapping[str, Any]) -> RunDirectory:
    """A run directory as the services make it."""
    run = RunDirectory(folder / "runs" / "bench")
    run.logs.mkdir(parents=True)
    run.config.write_text(dump_yaml(order(material, data, changes)), encoding="utf-8")
    return run


def train_bare(root: Path) -> None:
    """The same engine as `python -m backend.trainer`, without heartbeat, scalars, checkpoints and a supervisor.

    Result and rows are the same; only what is written while training is left out.
    """
    from backend.trainer.attempt import OwnAttempt  # noqa: PLC0415 - imports torch
    from backend.trainer.callbacks import Rhythm, Vitals  # noqa: PLC0415
    from backend.trainer.curves import EventFile  # noqa: PLC0415
    from backend.trainer.heartbeat import HeartbeatWriter  # noqa: PLC0415
    from backend.trainer.loop import StudioLoop  # noqa: PLC0415
    from backend.trainer.order import read_order, settle_environment  # noqa: PLC0415
    from backend.trainer.parts import Work  # noqa: PLC0415
    from backend.trainer.stop import StopFlag  # noqa: PLC0415
    from backend.trainer.training import train  # noqa: PLC0415

    def nothing(*_: object, **__: object) -> None:
        return None

    def only_the_end(_self: object, _args: object, state: Any, control: Any, **__: object) -> Any:  # noqa: ANN401
        control.should_training_stop = control.should_log = state.global_step >= state.max_steps
        return control

    Rhythm.on_step_end = only_the_end  # type: ignore[method-assign, assignment]
    Vitals.on_step_end = Vitals.on_substep_end = nothing  # type: ignore[method-assign]
    HeartbeatWriter.write = nothing  # type: ignore[method-assign]
    EventFile.add = nothing  # type: ignore[method-assign]
    StudioLoop._save_checkpoint = nothing  # type: ignore[method-assign] # noqa: SLF001 - that is the point
    settle_environment(os.environ)
    run = RunDirectory(root)
    heartbeat = HeartbeatWriter(run.heartbeat, token="bare", attempt=1)  # noqa: S106 - a fence
    train(Work(OwnAttempt(run, 1, "bare"), read_order(run), heartbeat, StopFlag()))


if __name__ == "__main__":
    train_bare(Path(sys.argv[1]))
