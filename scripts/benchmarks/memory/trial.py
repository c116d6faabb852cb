"""One combination really trained in a process of its own, and the forecast of the same order."""

import json
import os
import time
from pathlib import Path
from typing import Any

from backend.domain.memory_forecast import MemoryOrder, MemoryTrace
from backend.domain.memory_record import MemoryRecord
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.store.files import read_text
from config.yaml_files import dump_yaml
from scripts.benchmarks.memory.grid import Combination
from scripts.benchmarks.memory.material import FAMILIES, make_model, make_rows
from scripts.benchmarks.memory.nursery import FORECAST, TRAINER, Nursery, Places

STEPS = 3
BITSANDBYTES_OPTIMIZERS = ("adamw_8bit", "paged_", "lion_")


class TrialFailed(Exception):
    """With the last words of the program."""


def order(combination: Combination, folder: Path) -> dict[str, Any]:
    """What run.yaml holds; model and rows are made if they are not there."""
    one, training = combination, combination.training
    count = one.rows * training.get("gradient_accumulation", 1) * STEPS
    vocabulary = FAMILIES[one.family].vocabulary
    name = f"{one.recipe}-{vocabulary}-{one.tokens}-{count}.jsonl"
    rows = make_rows(folder / "rows" / name, recipe=one.recipe, vocabulary=vocabulary, tokens=one.tokens, count=count)
    return settings(one) | {
        "base_model": str(make_model(folder / "models", one.family)),
        "dataset": {
            "path": str(rows),
            "validation_fraction": 0,
            "format": "kto" if one.recipe == "kto" else "auto",
        },
    }


def settings(one: Combination) -> dict[str, Any]:
    """Of it all but the model and the rows."""
    return {
        "name": "bench",
        "recipe": {"name": one.recipe},
        "method": {"name": one.method, **one.method_options},
        "quantization": {"name": one.quantization},
        "training": {
            "max_steps": STEPS,
            "batch_size": one.rows,
            "max_length": one.tokens,
            "learning_rate": 1e-5,
            "save_steps": 1000,  # once, at the end
            **one.training,
        },
        "speed": {"allocator": one.allocator, **one.speed},
    }


def measure(nursery: Nursery, combination: Combination, folder: Path, run_folder: Path) -> MemoryRecord:
    """Train it for three steps; what its trainer wrote down. Raises TrialFailed."""
    run = RunDirectory(run_folder)
    run.logs.mkdir(parents=True)
    run.config.write_text(dump_yaml(order(combination, folder)), encoding="utf-8")
    log = run.log(1)
    code = nursery.run(TRAINER, [str(run.root)], Places(Path(os.devnull), log, log))
    if code:
        raise TrialFailed(f"exit code {code}: {_last_words(log)}")
    record = MemoryRecord.from_json(read_text(run.memory(1)) or "")
    if record is None:
        raise TrialFailed(f"no record in {run.memory(1)}")
    return record


def predict(nursery: Nursery, combination: Combination, folder: Path, place: Path) -> tuple[MemoryTrace, float]:
    """What the forecasting program says of the same order, and the seconds that it took. Raises TrialFailed."""
    return trace_of(nursery, RunConfig.model_validate(order(combination, folder)), combination.tokens, place)


def trace_of(nursery: Nursery, config: RunConfig, tokens: int, place: Path) -> tuple[MemoryTrace, float]:
    """The same of any order whose longest row has so many tokens; `place` is for its files. Raises TrialFailed."""
    asked = MemoryOrder(folder=str(place), config=config, longest_tokens=tokens)
    places = Places(place / "order.json", place / "answer.json", place / "said.txt")
    places.output.unlink(missing_ok=True)
    places.input.write_text(asked.model_dump_json() + "\n", encoding="utf-8")
    began = time.monotonic()
    code = nursery.run(FORECAST, [], places)
    seconds = time.monotonic() - began
    answer = (read_text(places.output) or "").splitlines()
    if code or not answer:
        raise TrialFailed(f"exit code {code}: {_last_words(places.output)} {_last_words(places.error)}")
    return MemoryTrace.model_validate(json.loads(answer[-1])["trace"]), seconds


def needs_bitsandbytes(combination: Combination) -> bool:
    """Whether its weights or its optimizer do."""
    optimizer = str(combination.training.get("optimizer", ""))
    return combination.quantization != "none" or optimizer.startswith(BITSANDBYTES_OPTIMIZERS)


def _last_words(file: Path) -> str:
    lines = [line.strip() for line in (read_text(file) or "").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-400:]
