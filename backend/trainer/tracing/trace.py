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
from backend.errors import StudioError
from backend.methods import LoraFamily, WholeMethod
from backend.methods.family import NEEDS_ROWS
from backend.trainer.adapted import Adapted
from backend.trainer.adapters import adapt
from backend.trainer.engine import losses, settle
from backend.trainer.engine.choosing import base_of
from backend.trainer.model import choose_precision
from backend.trainer.tracing.base import Change, pretended_model, quantized_weights_read, vocabulary_of
from backend.trainer.tracing.layers import FEWEST, Plan, layers_of, leave_out, places, plan_of, shorten, signatures
from backend.trainer.tracing.more_layers import taken_of_all
from backend.trainer.tracing.phases import KEPT, largest, phases_of, saves_midway
from backend.trainer.tracing.pretending import pretended, pretending, replaced
from backend.trainer.tracing.rows import Shape, shape_of
from backend.trainer.tracing.shortcuts import no_more_than_is_needed, only_written_columns
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
    with (
        _as_on(order.device),
        no_more_than_is_needed(),
        quantized_weights_read(),
        pretending(),
        tempfile.TemporaryDirectory() as root,
    ):
        built = build(order, files)
        plan = built.plan if may_scale else None
        loading = largest(built.tracker.finish())[1]
        taken = _taken(order, built, shape, Path(root), plan, FEWEST + 1)
        operations = built.tracker.num_operations
        if plan is not None:
            smaller_built = _built_small(order, files, built, plan)
            smaller = _taken(order, smaller_built, shape, Path(root), plan, FEWEST)
            operations += smaller_built.tracker.num_operations
            taken = taken_of_all(smaller, taken, plan.repeats - FEWEST)
    phases = phases_of(order, loading, taken, shape.waiting_bytes)
    phase, most = largest(phases)
    return MemoryTrace(
        parts=most.parts,
        peak_bytes=most.total,
        steady_bytes=sum(taken.steady[part] for part in KEPT),
        phase=phase,
        phases={name: moment.total for name, moment in phases.items()},
        large_bytes={name: moment.large_bytes for name, moment in phases.items() if order.device == "cpu"},
        saves_midway=saves_midway(order),
        rows=shape.rows,
        tokens=shape.tokens,
        micro_batches=max(1, len(shape.lengths) // shape.rows),
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


def build(order: MemoryOrder, files: BaseFiles, change: Change | None = None) -> Built:
    """The whole model with its method, or what is left of it when its configuration was changed."""
    tracker = Tracker(run=pretended)
    with tracker:
        tracker.begin(LOADING)
        config = order.config
        model = pretended_model(files, precision_of(order), config.quantization, config.recipe.head, change)
        tracker.begin(LOADING, "method")
        is_whole = isinstance(order.config.method, WholeMethod)
        with tracker.making(MemoryPart.WEIGHTS if is_whole else MemoryPart.ADAPTER):
            adapted = adapted_of(order, model)
    base = base_of(adapted.model)
    layers = layers_of(base)
    plan = None if layers is None else plan_of(base, layers)
    return Built(adapted, base, nn.ModuleList() if layers is None else layers, plan, tracker)


def _built_small(order: MemoryOrder, files: BaseFiles, larger: Built, plan: Plan) -> Built:
    """A model of few layers: made as such if that gives layers like those that are wanted, else the whole one."""
    kept, behind = plan.kept(FEWEST), plan.start + plan.period * FEWEST
    wanted = signatures(larger.base, larger.layers)
    del wanted[behind : behind + plan.period]
    try:
        built = build(order, files, lambda config: shorten(config, kept, plan.total))
    except StudioError:  # such as for layers that are chosen by number
        return build(order, files)
    return built if signatures(built.base, built.layers) == wanted else build(order, files)


def adapted_of(order: MemoryOrder, model: PreTrainedModel) -> Adapted:
    """The model wears the method; starts that look at rows give tensors of the same shapes as the plain one."""
    method = order.config.method
    if isinstance(method, LoraFamily) and (method.start in NEEDS_ROWS or method.start == "loftq"):
        method = method.model_copy(update={"start": "default"})
    return adapt(model, method, head=order.config.recipe.head, tokenizer=any_tokenizer())


def _taken(order: MemoryOrder, built: Built, shape: Shape, root: Path, plan: Plan | None, repeats: int) -> Taken:
    if plan is not None and len(built.layers) == plan.total:
        leave_out(built.base, built.layers, plan.kept(repeats))
        gc.collect()
    tracker = built.tracker
    tracker.vocabulary = vocabulary_of(built.base)
    named = zip(built.layers, places(plan, repeats, len(built.layers)), strict=True)
    with only_written_columns(order, tracker.vocabulary), tracker:
        tracker.reset()
        return take_steps(order.config, built.adapted, shape, precision_of(order), root, tracker, list(named))
