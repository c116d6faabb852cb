"""What others would say of the same runs: accelerate's estimate-memory, and the table of LLaMA-Factory's README.

As a program (`python -m scripts.benchmarks.memory.peers MODEL_FOLDER`) it prints accelerate's figures as JSON.
"""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scripts.benchmarks.memory.grid import Combination

WHOLE = ("full", "freeze")
ACCELERATE_NAMES = {"none": "float32", "nf4": "int4", "fp4": "int4", "int8": "int8"}
# github.com/hiyouga/LLaMA-Factory, README, "Hardware Requirement": GB for a model of x billion parameters, which is
# bytes for each parameter. Its 16-bit weights are doubled where a run holds 32 bits.
LLAMA_FACTORY = {"full": 18.0, "full in bfloat16": 8.0, "adapter": 2.0, "int8": 1.0, "nf4": 0.5, "fp4": 0.5}


def accelerate_bytes(combination: Combination, estimates: dict[str, dict[str, float]]) -> float:
    """Its "Training using Adam" for full fine-tuning; for others, of which it says nothing, its "Total Size"."""
    name = ACCELERATE_NAMES[combination.quantization]
    if combination.training.get("precision") == "bfloat16":
        name = "float16"  # it has no bfloat16, which is as large
    return estimates[name]["training" if combination.method == "full" else "total"]


def llama_factory_bytes(combination: Combination, parameters: int) -> float:
    """By the table."""
    is_half = combination.training.get("precision") == "bfloat16"
    if combination.quantization != "none":
        return LLAMA_FACTORY[combination.quantization] * parameters
    if combination.method == "full":
        return LLAMA_FACTORY["full in bfloat16" if is_half else "full"] * parameters
    return LLAMA_FACTORY["adapter"] * (1 if is_half else 2) * parameters


def ask_accelerate(model: Path) -> dict[str, dict[str, float]]:
    """Bytes by its names of number formats, asked in a process of its own, which imports torch."""
    command = [sys.executable, "-m", "scripts.benchmarks.memory.peers", str(model)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, float]] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main(folder: str) -> int:
    """Accelerate's own function on a folder; only its question to the hub is answered from the folder."""
    from accelerate.commands import estimate

    module: Any = estimate
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    module.verify_on_hub = lambda *_: SimpleNamespace(config=config, library_name="transformers")
    asked = Namespace(
        model_name=folder,
        library_name="transformers",
        trust_remote_code=False,
        dtypes=["float32", "float16", "int8", "int4"],
    )
    rows = estimate.gather_data(asked)
    print(json.dumps({name: {"total": total, "training": max(training.values())} for name, _, total, training in rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
