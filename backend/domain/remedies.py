"""The one change of a run's orders that a person may take after a failure, by what was diagnosed. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.adjustments import Adjustment, adjusted, difference
from backend.domain.diagnosis import GPU_MEMORY_ID, MEMORY_IDS
from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Phase
from backend.domain.memory_levers import Changes
from backend.domain.replan import BEFORE_TRAINING, memory_changes
from backend.domain.run_config import RunConfig

FEWEST_TOKENS = 64
FEWEST_CHECKPOINTS = 2


@dataclass(frozen=True, slots=True)
class Remedy:
    """`changes` by dotted keys of the RunConfig, `words` the same for a person: "batch_size 8 -> 4".

    With `good_step` the checkpoints of later steps are put aside.
    """

    changes: Changes
    words: str
    good_step: int | None = None


def remedy(
    found_id: str, order: RunConfig, *, phase: Phase | None = None, record: ExitRecord | None = None
) -> Remedy | None:
    """What may help against `found_id`, or None; unlike what supervision does alone, it may change what is learned.

    `phase` is what the trainer did by its last sign of life; what it proposed itself (`record`) comes first.
    """
    good_step = None
    changes: Changes | None
    if record is not None and record.changes and record.error_id == found_id:
        changes, good_step = record.changes, record.good_step
    elif found_id in MEMORY_IDS:
        changes = _memory(order, on_gpu=found_id == GPU_MEMORY_ID, is_training=phase not in BEFORE_TRAINING)
    else:
        changes = REMEDIES[found_id](order) if found_id in REMEDIES else None
    if not changes or not _helps(order, changes):
        return None
    return Remedy(changes, difference(order, changes), good_step)


def _helps(order: RunConfig, changes: Changes) -> bool:
    """Whether the order may be changed so, and is another one then."""
    try:
        return adjusted(order, (Adjustment(attempt=1, reason="", changes=changes),)) != order
    except ValueError:
        return False


def _memory(order: RunConfig, *, on_gpu: bool, is_training: bool) -> Changes | None:
    """Smaller steps first, then shorter rows; a model that does not fit itself has to be quantized."""
    if not is_training:
        return _quantized(order)
    return memory_changes(order, on_gpu=on_gpu) or _shorter(order)


def _shorter(order: RunConfig) -> Changes | None:
    length = order.training.max_length // 2
    return {"training.max_length": length} if length >= FEWEST_TOKENS else None


def _quantized(order: RunConfig) -> Changes | None:
    is_full = order.quantization.name == "none"
    return {"quantization.name": "nf4"} if is_full and "nf4" in order.method.card.quantizations else None


def _safe_precision(order: RunConfig) -> Changes | None:
    return {"training.precision": "float32" if order.training.precision == "auto" else "auto"}


def _float32(order: RunConfig) -> Changes | None:  # noqa: ARG001 - every remedy takes the order
    return {"training.precision": "float32"}


def _slower(order: RunConfig) -> Changes | None:
    changes: Changes = {"training.learning_rate": order.training.learning_rate / 2}
    if order.training.precision == "float16":
        changes["training.precision"] = "float32"
    return changes


def _all_linear(order: RunConfig) -> Changes | None:
    chosen = order.model_dump(mode="json")["method"]
    if chosen.get("target_pattern"):
        return {"method.target_pattern": ""}
    return {"method.target_modules": "all-linear"} if "target_modules" in chosen else None


def _without_recomputing(order: RunConfig) -> Changes | None:  # noqa: ARG001
    return {"training.gradient_checkpointing": False}


def _without_compiling(order: RunConfig) -> Changes | None:
    changes: Changes = {"speed.liger": "off"}
    if order.speed.attention == "flex_attention":
        changes["speed.attention"] = "auto"
    return changes


def _plain_attention(order: RunConfig) -> Changes | None:
    return {"speed.attention": "sdpa" if order.speed.attention == "auto" else "auto"}


def _without_helpers(order: RunConfig) -> Changes | None:  # noqa: ARG001
    return {"speed.dataloader_workers": 0}


def _fewer_checkpoints(order: RunConfig) -> Changes | None:  # noqa: ARG001
    return {"training.keep_checkpoints": FEWEST_CHECKPOINTS}


def _longer(order: RunConfig) -> Changes | None:
    return {"training.max_length": 2 * order.training.max_length}


REMEDIES: dict[str, Callable[[RunConfig], Changes | None]] = {
    "model-too-large": _quantized,
    "precision-unsupported": _safe_precision,
    "precision-mixed": _float32,
    "loss-not-finite": _slower,
    "guard-tripped": _slower,
    "target-modules-unknown": _all_linear,
    "target-pattern-unusable": _all_linear,
    "nothing-to-train": _without_recomputing,
    "graph-broken": _without_recomputing,
    "kernel-not-compiled": _without_compiling,
    "attention-unavailable": _plain_attention,
    "shared-memory": _without_helpers,
    "too-many-files": _without_helpers,
    "too-many-processes": _without_helpers,
    "data-worker-lost": _without_helpers,
    "disk-full": _fewer_checkpoints,
    "rows-too-long": _longer,
}
