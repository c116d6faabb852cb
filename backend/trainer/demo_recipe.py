"""The numbers that decide the demo model; free of torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """All that decides the bytes of the demo model on one kind of CPU; `rows` pages make one step."""

    steps: int = 850
    rows: int = 8
    vocabulary: int = 1280
    hidden: int = 128
    layers: int = 2
    feed_forward: int = 384
    heads: int = 4
    key_value_heads: int = 2
    initial_deviation: float = 0.05
    learning_rate: float = 3e-3
    warmup_steps: int = 30
    weight_decay: float = 0.05
    seed: int = 2024
    threads: int = 1
