"""What a forecast of a real model's size costs: configurations of 1 and 70 billion parameters, without their weights.

The forecasting program is started cold, as the studio starts it; its time, processor time and highest resident memory
are the kernel's. Usage: scripts/bench memory --part sizes [--write-docs].
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.domain.memory_forecast import MemoryOrder
from backend.domain.run_config import RunConfig
from scripts.benchmarks.forecast_looks import Looks, looks
from scripts.benchmarks.memory.material import Family, make_configuration

WORDS = 128_256  # of Llama 3
TOKENS = 1024
MOST_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """A model by its published configuration, and how it is trained; the two limits are what is asked for."""

    name: str
    family: Family
    order: dict[str, Any]
    most_seconds: float | None = None
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one cold forecast, and of looks at it once it is known (None where that was not asked for)."""

    size: Size
    wall_seconds: float
    processor_seconds: float
    peak_bytes: int
    forecast_bytes: int
    looks: Looks | None = None


def _llama(hidden: int, layers: int, inner: int, heads: int, *, tied: bool) -> Family:
    return Family(
        "llama",
        WORDS,
        {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "intermediate_size": inner,
            "num_attention_heads": heads,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131_072,
            "tie_word_embeddings": tied,
        },
    )


SIZES = (
    Size("Llama 3.2 1B", _llama(2048, 16, 8192, 32, tied=True), {"method": {"name": "lora"}}, most_seconds=10),
    Size(
        "Llama 3 70B",
        _llama(8192, 80, 28_672, 64, tied=False),
        {"method": {"name": "lora"}, "quantization": {"name": "nf4"}, "training": {"gradient_checkpointing": True}},
        most_bytes=4 * 10**9,
    ),
)


def costs(folder: Path, repeats: int = 3) -> list[Cost]:
    """The quickest of several cold forecasts of each size, which is the one that others disturbed least."""
    found = []
    for size in SIZES:
        config = _config(size, folder)
        best = min((_cold(size, config) for _ in range(repeats)), key=lambda cost: cost.wall_seconds)
        with tempfile.TemporaryDirectory(dir=folder) as workspace:
            known = looks(Path(workspace), config, folder) if size.most_seconds else None
        found.append(replace(best, looks=known))
    return found


def _config(size: Size, folder: Path) -> RunConfig:
    training = {"batch_size": 2, "max_length": TOKENS, **size.order.get("training", {})}
    base = make_configuration(folder / "sizes" / size.name.replace(" ", "-"), size.family)
    dataset = {"path": "sample:demo.jsonl"}
    told = {"name": "bench", "base_model": str(base), "dataset": dataset, **size.order, "training": training}
    return RunConfig.model_validate(told)


def _cold(size: Size, config: RunConfig) -> Cost:
    asked = MemoryOrder(folder="/", config=config, longest_tokens=TOKENS)
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.trainer.forecast"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        assert process.stdin is not None
        process.stdin.write(asked.model_dump_json().encode() + b"\n")
        process.stdin.close()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        document = json.loads(said.read().splitlines()[-1])
    if process.returncode or "trace" not in document:
        raise RuntimeError(f"{size.name}: exit code {process.returncode}, {document}")
    return Cost(size, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, document["trace"]["peak_bytes"])


def table(found: list[Cost]) -> str:
    """Markdown: one line for each size, and whether what is asked for is so."""
    rows = [
        "| order | tensors at the peak, GB | wall, s | processor, s | memory of the program, GB | again, ms |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    told = []
    for cost in found:
        again = "-" if cost.looks is None else f"{cost.looks.again * 1000:.1f}"
        name, size = cost.size.name, cost.size
        method = f"{size.order['method']['name']}, {size.order.get('quantization', {}).get('name', 'whole weights')}"
        rows.append(
            f"| {name}, {method}, 2 x {TOKENS} | {cost.forecast_bytes / 1e9:.2f} | {cost.wall_seconds:.1f} | "
            f"{cost.processor_seconds:.1f} | {cost.peak_bytes / 1e9:.2f} | {again} |"
        )
        if size.most_seconds is not None:
            told.append(_verdict(f"{name} within {size.most_seconds:.0f} s", cost.wall_seconds <= size.most_seconds))
        if cost.looks is not None:
            told.append(_verdict(f"{name} once it is known within 50 ms", cost.looks.again <= MOST_AGAIN_SECONDS))
        if size.most_bytes is not None:
            told.append(_verdict(f"{name} in {size.most_bytes / 1e9:.0f} GB", cost.peak_bytes <= size.most_bytes))
    return "\n".join([*rows, "", *told])


def _verdict(what: str, is_met: bool) -> str:
    return f"* {what}: {'met' if is_met else 'missed'}"
