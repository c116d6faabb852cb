"""What a run is expected to write: an estimate from its order and the shapes of its base model. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.run_config import RunConfig
from backend.methods import Targeted, WholeMethod
from backend.methods.freeze import BLOCK

Shapes = Mapping[str, tuple[int, ...]]
WEIGHT_BYTES = 4  # what is trained is kept in float32, unless the weights themselves are trained in bfloat16
STATE_BYTES = {
    "adamw_8bit": 2,
    "paged_adamw_8bit": 2,
    "lion_32bit": 4,
    "lion_8bit": 1,
    "paged_lion_8bit": 1,
    "adafactor": 1,
    "sgd": 0,
}
ADAM_STATE_BYTES = 8  # two moments in float32
TYPICAL_RANK = 16  # for methods without a rank; most of them train less than LoRA with it
SHARE_OF_TYPICAL_RANK = 0.01  # of all parameters: LoRA on all linear layers of Llama 3.2 1B trains 0.9 %
LEAST_CHECKPOINTS = 3  # the two newest and the one being written


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """Bytes, all estimates: one checkpoint, so many of them at most at a time, the result, the log."""

    checkpoint_bytes: int
    num_checkpoints: int
    result_bytes: int
    log_bytes: int

    @property
    def total_bytes(self) -> int:
        """Everything at its largest."""
        return self.checkpoint_bytes * self.num_checkpoints + self.result_bytes + self.log_bytes

    @property
    def least_bytes(self) -> int:
        """With less than this it could not go on after its first checkpoints."""
        return self.checkpoint_bytes * LEAST_CHECKPOINTS


def disk_need(config: RunConfig, shapes: Shapes, num_parameters: int, log_bytes: int) -> DiskNeed:
    """`shapes` may be empty; then `num_parameters` of the base model decide, and 0 means that nothing is known."""
    trained = _trained(config, shapes, num_parameters)
    state = STATE_BYTES.get(config.training.optimizer, ADAM_STATE_BYTES)
    is_whole = isinstance(config.method, WholeMethod)
    return DiskNeed(
        checkpoint_bytes=trained * (WEIGHT_BYTES + state),
        num_checkpoints=config.training.keep_checkpoints + 1 + config.guards.keep_best,
        result_bytes=WEIGHT_BYTES * (_all(shapes) or num_parameters if is_whole else trained),
        log_bytes=log_bytes,
    )


def _trained(config: RunConfig, shapes: Shapes, num_parameters: int) -> int:
    method = config.method
    if isinstance(method, WholeMethod):
        blocks = {int(found[1]) for name in shapes if (found := BLOCK.search(name))}
        trained = [shape for name, shape in shapes.items() if method.is_trained(name, len(blocks))]
        return sum(map(math.prod, trained)) or num_parameters
    rank = int(getattr(method, "rank", TYPICAL_RANK))
    if not shapes:
        return int(num_parameters * SHARE_OF_TYPICAL_RANK * rank / TYPICAL_RANK)
    chosen = method.target_modules if isinstance(method, Targeted) else "all-linear"
    return sum(rank * sum(shape) for name, shape in shapes.items() if len(shape) == 2 and _is_adapted(name, chosen))  # noqa: PLR2004


def _all(shapes: Shapes) -> int:
    return sum(map(math.prod, shapes.values()))


def _is_adapted(name: str, chosen: str | tuple[str, ...]) -> bool:
    """Whether a matrix belongs to a linear layer of those names; tables of words and the output head do not."""
    layer = name.removesuffix(".weight").rpartition(".")[2]
    if chosen == "all-linear":
        return "embed" not in layer and layer not in ("lm_head", "wte", "wpe")
    return layer in chosen
