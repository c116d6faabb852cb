"""Which runs the memory bench trains: families, methods, quantizations, recipes, shapes and levers."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from backend.domain.heap import HEAP, MAPPED


@dataclass(frozen=True, slots=True)
class Combination:
    """One run. `tokens` is the length of each row; `training` and `speed` are further settings of those sections."""

    family: str
    method: str = "lora"
    quantization: str = "none"
    recipe: str = "sft"
    rows: int = 4
    tokens: int = 192
    method_options: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    speed: dict[str, Any] = field(default_factory=dict)
    allocator: str = "auto"

    @property
    def key(self) -> str:
        """Stable over sessions: of everything that it says."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """For people, in one line."""
        more = {**self.method_options, **self.training, **self.speed}
        told = " ".join(f"{name}={value}" for name, value in more.items())
        base = self.family if self.quantization == "none" else f"{self.family} {self.quantization}"
        return f"{base} {self.method} {self.recipe} {self.rows}x{self.tokens} {told}".strip()

    @property
    def is_mapped(self) -> bool:
        """Whether its large tensors have pages of their own."""
        return self.allocator == MAPPED or (self.allocator == "auto" and "gradient_checkpointing" in self.training)


C = Combination
CHECKPOINTING = {"gradient_checkpointing": True}
BFLOAT16 = {"precision": "bfloat16"}
PADDED = {"batches": "padded"}
FAMILIES = ("llama", "qwen3", "gemma3", "gpt2", "phi3", "mistral", "gpt_neox", "opt")

_MAPPED: tuple[Combination, ...] = (
    # every family, with the defaults, whole, and with checkpointing
    *(C(family) for family in FAMILIES),
    *(C(family, "full", rows=2) for family in FAMILIES),
    *(C(family, rows=4, tokens=256, training=CHECKPOINTING) for family in FAMILIES),
    # shapes
    C("llama", rows=1, tokens=512),
    C("llama", rows=8, tokens=64),
    C("llama", rows=2, tokens=128),
    C("llama-wide", rows=2, tokens=256),
    C("llama-large", rows=2, tokens=512),
    C("llama-large", rows=2, tokens=512, training=CHECKPOINTING),
    C("llama-words", rows=4, tokens=192),
    C("qwen3", rows=2, tokens=448),
    C("gemma3", rows=1, tokens=512),
    C("llama", rows=4, tokens=192, speed=PADDED),
    C("llama-words", rows=4, tokens=192, speed={"logits": "all"}),
    C("llama-words", rows=2, tokens=192, speed={"logits": "all", "batches": "padded"}),
    C("llama", rows=4, tokens=192, speed={"layers": "library"}),
    C("llama", rows=2, tokens=192, training={"gradient_accumulation": 2}),
    # methods
    C("llama", "dora"),
    C("qwen3", "dora", rows=2),
    C("llama", "rslora", method_options={"rank": 64}),
    C("llama", "pissa"),
    C("llama", "lora", method_options={"rank": 128}),
    C("llama", "ia3"),
    C("mistral", "ia3"),
    C("llama", "vera"),
    C("llama", "adalora"),
    C("llama", "loha", rows=2),
    C("llama", "lokr"),
    C("llama", "oft", rows=2),
    C("llama", "prompt"),
    C("llama", "prefix"),
    C("llama", "ln_tuning"),
    C("llama", "freeze"),
    C("qwen3", "freeze"),
    # quantization
    C("llama", quantization="nf4"),
    C("llama-wide", quantization="nf4", rows=2),
    C("qwen3", quantization="nf4"),
    C("llama-wide", quantization="nf4", rows=2, tokens=256, training=CHECKPOINTING),
    C("llama", quantization="int8"),
    C("llama-wide", quantization="int8", rows=2),
    C("llama", "dora", quantization="nf4"),
    # optimizers
    C("llama", "full", rows=2, training={"optimizer": "adafactor"}),
    C("llama", "full", rows=2, training={"optimizer": "sgd"}),
    C("llama", "full", rows=2, training={"optimizer": "adamw_torch"}),
    C("llama-wide", "full", rows=2, tokens=128, training={"optimizer": "lion_32bit"}),
    C("llama-wide", "full", rows=2, tokens=128),
    C("llama-wide", "full", rows=2, tokens=256, training=CHECKPOINTING),
    # recipes
    C("llama", recipe="dpo", rows=2),
    C("llama", "full", recipe="dpo", rows=1),
    C("qwen3", recipe="dpo", rows=1, tokens=256, training=CHECKPOINTING),
    C("llama", recipe="orpo", rows=2),
    C("llama", recipe="kto", rows=4),
    C("llama", recipe="reward", rows=2),
    C("llama", recipe="pretrain"),
    C("gpt2", "full", recipe="pretrain", rows=2),
    # precision
    C("llama", training=BFLOAT16, rows=2, tokens=128),
    C("llama", "full", training=BFLOAT16, rows=2, tokens=96),
    C("gemma3", training=BFLOAT16, rows=2, tokens=96),
)
_IN_HEAP: tuple[Combination, ...] = (
    *(C(family) for family in FAMILIES),
    *(C(family, "full", rows=2) for family in FAMILIES),
    *(C(family, rows=2, tokens=256) for family in FAMILIES),
    *(C(family, rows=1, tokens=512) for family in FAMILIES),
    C("llama", rows=8, tokens=64),
    C("llama-wide", rows=2, tokens=256),
    C("llama-large", rows=2, tokens=512),
    C("llama-large", rows=1, tokens=1024),
    C("llama-large", rows=2, tokens=1024),
    C("llama-large", rows=4, tokens=512),
    C("llama", rows=4, tokens=512),
    C("qwen3", rows=2, tokens=192, training={"gradient_accumulation": 2}),
    C("gemma3", rows=2, tokens=192, training={"gradient_accumulation": 2}),
    C("llama-wide", rows=4, tokens=256, training={"gradient_accumulation": 2}),
    C("llama-words", rows=4, tokens=192, speed={"logits": "all"}),
    C("llama", "dora"),
    C("llama", "ia3"),
    C("llama", quantization="nf4"),
    C("llama", recipe="dpo", rows=2),
    C("qwen3", recipe="dpo", rows=1),
    C("llama", recipe="kto", rows=4),
)
GRID = tuple(
    replace(one, allocator=allocator)
    for allocator, combinations in ((MAPPED, _MAPPED), (HEAP, _IN_HEAP))
    for one in combinations
)
