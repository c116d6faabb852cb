"""How long a run may take and what energy, from what runs like it took on this machine. Pure."""

from dataclasses import dataclass

from backend.domain.measured_time import MeasuredTime, is_alike
from backend.domain.run_config import RunConfig

# what decides how many tokens a second are learned, beside model and method
SAME_SPEED = (
    "base_model.path",
    "recipe.name",
    "method.name",
    "quantization.name",
    "training.precision",
    "training.gradient_checkpointing",
    "speed.allocator",
    "devices.processes",
    "devices.kind",
)


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier run: its order, what it took, the tokens it trained on and its energy where they were measured."""

    order: RunConfig
    time: MeasuredTime
    num_tokens: float | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """Seconds of the whole run and of one epoch, joules; None where nothing tells. `source` says from what."""

    seconds: float
    epoch_seconds: float | None
    joules: float | None
    is_alike: bool
    source: str


def estimate(
    order: RunConfig, past: Past, num_steps: int, *, epochs: float | None, mean_tokens: float | None = None
) -> RunEstimate | None:
    """From one earlier run, None if it tells nothing of this one.

    A run of the same shape tells it by its steps. Another one of the same model and method tells it by tokens a
    second; how many tokens a row has is known from its rows if they are the same, else `mean_tokens` says it.
    """
    if is_alike(order, past.order):
        seconds = past.time.estimate(num_steps)
        source = f"the run {past.time.run_name}, of the same shape: {past.time.num_steps:,} steps"
    else:
        tokens = _tokens(order, past, num_steps, mean_tokens)
        if tokens is None or not past.num_tokens or not _is_as_fast(order, past.order):
            return None
        speed = past.num_tokens / past.time.seconds
        seconds = tokens / speed
        source = (
            f"the run {past.time.run_name}, of the same model and method but another shape: {speed:,.0f} tokens a "
            f"second with start and end, for about {tokens:,.0f} tokens; a rough estimate"
        )
    joules = None if past.joules is None else past.joules * seconds / past.time.seconds
    epoch = seconds / epochs if epochs else None
    return RunEstimate(seconds, epoch, joules, is_alike(order, past.order), source)


def _tokens(order: RunConfig, past: Past, num_steps: int, mean_tokens: float | None) -> float | None:
    each = mean_tokens
    if past.order.dataset.path == order.dataset.path and past.num_tokens:
        each = past.num_tokens / (past.time.num_steps * past.order.effective_batch_size)
    return None if each is None else min(each, order.training.max_length) * num_steps * order.effective_batch_size


def _is_as_fast(one: RunConfig, other: RunConfig) -> bool:
    return all(_at(one, key) == _at(other, key) for key in SAME_SPEED)


def _at(config: RunConfig, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)
