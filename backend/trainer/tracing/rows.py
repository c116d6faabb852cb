"""Made-up rows from which the trainer makes the largest micro-batches that it can meet."""

from dataclasses import dataclass
from typing import Any

from backend.domain.memory_forecast import MemoryOrder
from backend.domain.run_config import RunConfig
from backend.recipes import Grpo
from backend.trainer.engine.settle import CPU_TOKENS
from backend.trainer.parts import Rows

AT_MOST = 2  # micro-batches of a step: those that follow find what the second one finds
TOKENS = ("input_ids", "labels")
BYTES_OF_A_TOKEN = 4 * 8  # in a batch: its number, its position or mask, its place among the learned, its target
PROMPT_SHARE = 4  # of a row with prompt and answer, one of so many parts is the prompt


@dataclass(frozen=True, slots=True)
class Shape:
    """A step's rows, as lengths in tokens, and what its largest micro-batch is in rows and tokens.

    `waiting_bytes` is what more of the batches is there in training: the rest of the step, and the next one.
    """

    lengths: tuple[int, ...]
    rows: int
    tokens: int
    waiting_bytes: int = 0


def shape_of(order: MemoryOrder) -> Shape:
    """The rows of one optimizer step of one process, as few of them as show what all would."""
    config = order.config
    longest = min(order.longest_tokens or config.training.max_length, config.training.max_length)
    if config.recipe.name in ("sft", "pretrain"):
        return _dealt_out(config, order.device, longest)
    size = config.training.batch_size
    if isinstance(config.recipe, Grpo):
        answer = config.recipe.max_completion_length
        question = order.longest_tokens or config.training.max_length - answer
        whole = min(config.training.max_length, question + answer)
        return Shape((whole,) * config.training.effective_batch_size, size, size * whole)
    times = min(AT_MOST, config.training.gradient_accumulation)
    return Shape((longest,) * (size * times), size, size * longest)


def _dealt_out(config: RunConfig, device: str, longest: int) -> Shape:
    """What the engine deals out anew: as many tokens at a time as its budget allows."""
    total, budget = config.training.effective_batch_size, budget_of(config, device, longest)
    everything = total * longest
    if everything <= budget:
        return Shape((longest,) * total, total, everything, everything * BYTES_OF_A_TOKEN)
    whole, rest = divmod(max(budget, longest), longest)
    if config.recipe.name == "pretrain" or config.speed.batches == "padded":
        rest = 0
    one = (longest,) * whole + ((rest,) if rest > 1 else ())
    times = min(AT_MOST, max(1, everything // sum(one)))
    waiting = (2 * everything - sum(one) * times) * BYTES_OF_A_TOKEN
    return Shape(one * times, len(one), sum(one), waiting)


def budget_of(config: RunConfig, device: str, longest: int) -> int:
    """Tokens of a micro-batch, as the engine settles it."""
    if config.speed.micro_batch_tokens is not None:
        return config.speed.micro_batch_tokens
    room = config.training.batch_size * longest
    return min(room, CPU_TOKENS) if device == "cpu" else room


def rows_of(config: RunConfig, shape: Shape) -> Rows:
    """Rows as the recipe's own `rows` would give them."""
    made = [_row(config.recipe.name, length) for length in shape.lengths]
    return Rows(made, made[: max(1, config.training.batch_size)])


def _row(recipe: str, length: int) -> dict[str, Any]:
    ids = [2 + number % 7 for number in range(length)]
    cut = max(1, length // PROMPT_SHARE)
    prompt, answer = ids[:cut], ids[cut:]
    match recipe:
        case "dpo":
            return {"prompt_ids": prompt, "chosen_ids": answer, "rejected_ids": answer}
        case "kto":
            row = {"prompt_ids": prompt, "completion_ids": answer, "label": True}
            return row | {"KL_completion_ids": answer}
        case "orpo":
            labels = [-100] * cut + answer
            both = {"input_ids": ids, "attention_mask": [1] * length, "labels": labels}
            return {f"{side}_{name}": value for side in ("chosen", "rejected") for name, value in both.items()}
        case "grpo":
            return {"prompt": [{"role": "user", "content": ""}], "answer": None}
        case "reward":
            return {"chosen_ids": ids, "rejected_ids": ids}
        case _:
            return {"input_ids": ids, "labels": ids}
