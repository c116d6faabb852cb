"""Who takes part, with which settings, and how each is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.domain.speed import Speed
from scripts.benchmarks.training.common import LEARNING_RATE, LORA_ALPHA, LORA_RANK, SEED
from scripts.benchmarks.training.llama_factory import OPTIONS
from scripts.benchmarks.training.material import Material
from scripts.benchmarks.training.studio import make_run

BASELINE = "hf"
STUDIO = "studio"
BARE = "studio-bare"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to train. `steps` replaces the size's number of steps, for one that is very slow on some machines."""

    name: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    is_peer: bool = True
    steps: int | None = None

    @property
    def is_llama_factory(self) -> bool:
        """Whether it needs the other environment."""
        return self.name in OPTIONS


PEERS = (
    Contestant(BASELINE, "HF Trainer + peft, padded to the longest row"),
    Contestant("hf-flat", "HF Trainer + peft, transformers' own flattening"),
    Contestant("trl", "trl SFTTrainer, defaults (bfloat16 autocast)", steps=2),
    Contestant("trl-float32", "trl SFTTrainer, defaults in float32"),
    Contestant("trl-no-checkpointing", "trl SFTTrainer, float32, no gradient checkpointing"),
    Contestant("trl-padding-free", "trl SFTTrainer, the same, padding-free"),
    Contestant("llama-factory", "LLaMA-Factory, defaults"),
    Contestant("llama-factory-no-checkpointing", "LLaMA-Factory, no gradient checkpointing"),
)


def _ladder() -> tuple[Contestant, ...]:
    """Each rung adds one lever to those before; what this version of the studio does not have is left out."""
    rungs: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("ladder-1", "ours: padded, all logits, library layers", {}),
        ("ladder-2", "+ flat rows, attention per sequence", {"batches": "flat"}),
        ("ladder-3", "+ logits of learned tokens only, in chunks", {"logits": "learned"}),
        ("ladder-4", "+ lean layers", {"layers": "lean"}),
        ("ladder-5", "+ micro-batches by tokens", {"micro_batch_tokens": None}),
    )
    base = {"batches": "padded", "logits": "all", "layers": "library", "micro_batch_tokens": 10_000_000}
    speed = {name: value for name, value in base.items() if name in Speed.model_fields}
    found = []
    for name, title, lever in rungs:
        if set(lever) <= set(Speed.model_fields):
            speed = speed | lever
            found.append(Contestant(name, title, {"speed": speed}, is_peer=False))
    top = found[-1]
    compiled = {"speed": speed | {"compile": "on"}}
    if "compile" in Speed.model_fields:
        found.append(Contestant("ladder-compile", "+ torch.compile", compiled, is_peer=False))
    lean = {**top.changes, "training": {"gradient_checkpointing": True}}
    found.append(Contestant("ladder-checkpointing", "+ gradient checkpointing instead", lean, is_peer=False))
    return tuple(found)


LADDER = _ladder()
OURS = (
    Contestant(STUDIO, "PEFT Studio, defaults", is_peer=False),
    Contestant(BARE, "PEFT Studio's engine, bare", is_peer=False),
)
ALL = {contestant.name: contestant for contestant in (*PEERS, *LADDER, *OURS)}


def command(contestant: Contestant, material: Material, data: str, folder: Path, llama_python: str) -> list[str]:
    """The command line of one fresh process; what it needs is written into `folder`."""
    if contestant.is_llama_factory:
        numbers = [str(number) for number in (LEARNING_RATE, LORA_RANK, LORA_ALPHA, SEED)]
        program = [llama_python, str(HERE / "llama_factory.py")]
        return [*program, contestant.name, str(material.folder), data, str(folder), *numbers]
    if contestant.is_peer:
        module = "scripts.benchmarks.training.peers"
        steps = str(contestant.steps or material.size.steps)
        return [sys.executable, "-m", module, contestant.name, str(material.folder), data, str(folder), steps]
    run = make_run(folder, material, data, contestant.changes)
    module = "scripts.benchmarks.training.studio" if contestant.name == BARE else "backend.trainer"
    return [sys.executable, "-m", module, str(run.root)]
