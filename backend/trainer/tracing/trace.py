"""Forecasting the tensors of a run: the trainer's own loop takes two steps on a model without memory."""

import tempfile
import time
from pathlib import Path

from backend.base_models.files import BaseFiles, locate
from backend.domain.errors import ModelNotFound
from backend.domain.memory_forecast import MemoryOrder, MemoryPart, MemoryTrace
from backend.methods import LoraFamily, WholeMethod
from backend.methods.family import NEEDS_ROWS
from backend.trainer.adapted import Adapted
from backend.trainer.adapters import adapt
from backend.trainer.model import choose_precision
from backend.trainer.tracing.base import pretended_model, vocabulary_of
from backend.trainer.tracing.pretending import pretended, pretending
from backend.trainer.tracing.rows import Shape, rows_of, shape_of
from backend.trainer.tracing.stage import any_tokenizer
from backend.trainer.tracing.steps import EVALUATING, SAVING, take_steps
from backend.trainer.tracing.tracker import Parts, Tracker

KEPT = (MemoryPart.WEIGHTS, MemoryPart.ADAPTER, MemoryPart.OPTIMIZER)
LOADING, STEP = "loading", "step"


def trace(order: MemoryOrder) -> MemoryTrace:
    """The most that tensors take, and when. Raises as `locate`, ModelUnusable, MethodUnsuitable, SpeedUnsuitable."""
    began = time.monotonic()
    files, shape = files_of(order), shape_of(order)
    tracker = Tracker(run=pretended)
    with pretending(), tracker, tempfile.TemporaryDirectory() as root:
        steady, copies = _traced(order, files, shape, tracker, Path(root))
    segments = tracker.finish()
    phase, parts = _largest(_phases(order, segments, copies))
    return MemoryTrace(
        parts=parts,
        peak_bytes=sum(parts.values()),
        steady_bytes=sum(steady[part] for part in KEPT),
        phase=phase,
        rows=shape.rows,
        tokens=shape.tokens,
        is_scaled=False,
        num_operations=tracker.num_operations,
        seconds=time.monotonic() - began,
    )


def files_of(order: MemoryOrder) -> BaseFiles:
    """The small files of the base model; weights need not be there. Raises as `locate`."""
    try:
        return locate(order.config.base_model, Path(order.folder))
    except ModelNotFound:
        folder = Path(order.folder) / Path(order.config.base_model.path).expanduser()
        if not (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
            raise
        return BaseFiles(str(folder), folder, folder)


def precision_of(order: MemoryOrder) -> str:
    """The number format of the computation. Raises PrecisionUnsupported.

    float16 takes as much as bfloat16, which can be tried without a GPU.
    """
    wanted = order.config.training.precision
    if order.device == "cpu":
        return choose_precision(wanted)
    return "float32" if wanted == "float32" else "bfloat16"


def _traced(order: MemoryOrder, files: BaseFiles, shape: Shape, tracker: Tracker, root: Path) -> tuple[Parts, Parts]:
    config, precision = order.config, precision_of(order)
    model = pretended_model(files, precision, config.quantization, config.recipe.head)
    tracker.vocabulary = vocabulary_of(model)
    tracker.adopt(model.parameters(), MemoryPart.WEIGHTS)
    tracker.begin("adapting")
    with tracker.making(MemoryPart.ADAPTER):
        adapted = _adapted(order, model)
    return take_steps(config, adapted, rows_of(config, shape), precision, root, tracker)


def _adapted(order: MemoryOrder, model: object) -> Adapted:
    """The model wears the method; starts that look at rows give tensors of the same shapes as the plain one."""
    method = order.config.method
    if isinstance(method, LoraFamily) and (method.start in NEEDS_ROWS or method.start == "loftq"):
        method = method.model_copy(update={"start": "default"})
    return adapt(model, method, head=order.config.recipe.head, tokenizer=any_tokenizer())  # type: ignore[arg-type]


def _phases(order: MemoryOrder, segments: dict[str, Parts], copies: Parts) -> dict[str, Parts]:
    """The most of each phase. On a CPU a checkpoint's copies are there while the next step is taken."""
    found = {LOADING: segments["adapting"]}
    found[STEP] = max((parts for name, parts in segments.items() if name.startswith("step")), key=_total)
    found[EVALUATING] = segments[EVALUATING]
    if order.device == "cpu" and _saves_midway(order):
        into = MemoryPart.WEIGHTS if isinstance(order.config.method, WholeMethod) else MemoryPart.ADAPTER
        beside = dict(found[STEP])
        beside[into] += _total(copies)
        found[SAVING] = beside
    return found


def _saves_midway(order: MemoryOrder) -> bool:
    """Whether a step is taken while a checkpoint is being written."""
    training = order.config.training
    return training.max_steps is None or training.max_steps > training.save_steps


def _largest(phases: dict[str, Parts]) -> tuple[str, Parts]:
    return max(phases.items(), key=lambda item: _total(item[1]))


def _total(parts: Parts) -> int:
    return sum(parts.values())
