"""Forecasting the tensors of a run: the trainer's own loop takes two steps on a model without memory."""

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from transformers import PreTrainedModel

from backend.base_models.files import BaseFiles, locate
from backend.domain.errors import ModelNotFound
from backend.domain.memory_forecast import MemoryOrder, MemoryPart, MemoryTrace
from backend.methods import LoraFamily, WholeMethod
from backend.methods.family import NEEDS_ROWS
from backend.trainer.adapted import Adapted
from backend.trainer.adapters import adapt
from backend.trainer.engine import losses, settle
from backend.trainer.engine.choosing import base_of
from backend.trainer.model import choose_precision
from backend.trainer.tracing.base import pretended_model, vocabulary_of
from backend.trainer.tracing.layers import FEWEST, Plan, all_of, all_segments, layers_of, leave_out, places, plan_of
from backend.trainer.tracing.phases import KEPT, largest, phases_of
from backend.trainer.tracing.pretending import pretended, pretending, replaced
from backend.trainer.tracing.rows import Shape, shape_of
from backend.trainer.tracing.stage import any_tokenizer
from backend.trainer.tracing.steps import Taken, take_steps
from backend.trainer.tracing.tracker import Tracker

LOADING = "loading"


@dataclass(frozen=True, slots=True)
class Built:
    """A model that wears its method; `loading` is the most that it took, `plan` which layers may be left out."""

    adapted: Adapted
    base: PreTrainedModel
    layers: nn.ModuleList
    plan: Plan | None
    tracker: Tracker


def trace(order: MemoryOrder, *, may_scale: bool = True) -> MemoryTrace:
    """The most that tensors take, and when. Raises as `locate`, ModelUnusable, MethodUnsuitable, SpeedUnsuitable."""
    began = time.monotonic()
    files, shape = files_of(order), shape_of(order)
    with _as_on(order.device), pretending(), tempfile.TemporaryDirectory() as root:
        built = build(order, files)
        plan = built.plan if may_scale else None
        loading = largest(built.tracker.finish())[1]
        taken = _taken(order, built, shape, Path(root), plan, FEWEST + 1)
        operations = built.tracker.num_operations
        if plan is not None:
            built = build(order, files)
            smaller = _taken(order, built, shape, Path(root), plan, FEWEST)
            operations += built.tracker.num_operations
            taken = _of_all(smaller, taken, plan.repeats - FEWEST)
    phase, parts = largest(phases_of(order, loading, taken, shape.waiting_bytes))
    return MemoryTrace(
        parts=parts,
        peak_bytes=sum(parts.values()),
        steady_bytes=sum(taken.steady[part] for part in KEPT),
        phase=phase,
        rows=shape.rows,
        tokens=shape.tokens,
        is_scaled=plan is not None,
        num_operations=operations,
        seconds=time.monotonic() - began,
    )


@contextmanager
def _as_on(device: str) -> Iterator[None]:
    """What the engine decides by the kind of device, as it decides there."""
    if device == "cpu":
        yield
        return
    with replaced(settle, "CPU_TOKENS", sys.maxsize), replaced(losses, "CHUNK_BYTES", losses.CHUNK_BYTES_CUDA):
        yield


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


def build(order: MemoryOrder, files: BaseFiles) -> Built:
    """The whole model with its method."""
    tracker = Tracker(run=pretended)
    with tracker:
        tracker.begin(LOADING)
        model = pretended_model(files, precision_of(order), order.config.quantization, order.config.recipe.head)
        tracker.begin(LOADING, "method")
        is_whole = isinstance(order.config.method, WholeMethod)
        with tracker.making(MemoryPart.WEIGHTS if is_whole else MemoryPart.ADAPTER):
            adapted = adapted_of(order, model)
    base = base_of(adapted.model)
    layers = layers_of(base)
    plan = None if layers is None else plan_of(base, layers)
    return Built(adapted, base, nn.ModuleList() if layers is None else layers, plan, tracker)


def adapted_of(order: MemoryOrder, model: PreTrainedModel) -> Adapted:
    """The model wears the method; starts that look at rows give tensors of the same shapes as the plain one."""
    method = order.config.method
    if isinstance(method, LoraFamily) and (method.start in NEEDS_ROWS or method.start == "loftq"):
        method = method.model_copy(update={"start": "default"})
    return adapt(model, method, head=order.config.recipe.head, tokenizer=any_tokenizer())


def _taken(order: MemoryOrder, built: Built, shape: Shape, root: Path, plan: Plan | None, repeats: int) -> Taken:
    if plan is not None:
        leave_out(built.base, built.layers, plan.kept(repeats, len(built.layers)))
        gc.collect()
    tracker = built.tracker
    tracker.vocabulary = vocabulary_of(built.base)
    named = zip(built.layers, places(plan, repeats, len(built.layers)), strict=True)
    with tracker:
        tracker.reset()
        return take_steps(order.config, built.adapted, shape, precision_of(order), root, tracker, list(named))


def _of_all(smaller: Taken, larger: Taken, more: int) -> Taken:
    return Taken(
        all_segments(smaller.segments, larger.segments, more),
        all_of(smaller.steady, larger.steady, more),
        all_of(smaller.copies, larger.copies, more),
    )
