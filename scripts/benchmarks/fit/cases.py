"""Ten orders that are too large for a limit, each for another reason."""

from dataclasses import dataclass

from scripts.benchmarks.memory.grid import Combination


@dataclass(frozen=True, slots=True)
class Case:
    """`share` of what the order itself is forecast to take above the imports is allowed."""

    name: str
    combination: Combination
    share: float


def _tokens(count: int) -> dict[str, int]:
    """On a processor micro-batches have at most 1,024 tokens unless more are asked for."""
    return {"micro_batch_tokens": count}


CASES = (
    Case("many rows", Combination("llama", rows=8, tokens=256, speed=_tokens(2048)), 0.6),
    Case("all scores", Combination("llama-words", rows=4, tokens=192, speed={"logits": "all"}), 0.5),
    Case("weights, trained", Combination("llama-wide", "full", rows=2, tokens=96), 0.8),
    Case("long rows", Combination("llama", rows=1, tokens=768), 0.85),
    Case("large vocabulary", Combination("gemma3", rows=4, tokens=256), 0.6),
    Case("another architecture", Combination("gpt2", rows=8, tokens=128), 0.6),
    Case("pairs of answers", Combination("llama", recipe="dpo", rows=4, tokens=128), 0.7),
    Case("weights, frozen", Combination("llama-wide", rows=1, tokens=64), 0.75),
    Case("decomposed", Combination("mistral", "dora", rows=4, tokens=192), 0.6),
    Case("whole and wide", Combination("qwen3", "full", rows=2, tokens=192), 0.45),
)
