"""How many parameters a choice trains: by arithmetic on the shapes of the weights where that is exact. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.disk_need import Shapes
from backend.domain.run_config import BaseModelChoice, RunConfig
from backend.methods import Freeze, Head, LoraFamily, Method, WholeMethod
from backend.methods.freeze import BLOCK
from backend.spec import Frozen

# each of their two-sided weights but the tables of words is a linear layer of its own, as peft sees them too
EXACT = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"})
MATRIX = 2


class How(StrEnum):
    """Where a count comes from."""

    ARITHMETIC = "arithmetic"
    LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Count:
    """Trained parameters, and those of the base model."""

    trained: int
    total: int
    how: How

    @property
    def share(self) -> float:
        """Of the base model's."""
        return self.trained / self.total if self.total else 0.0


class CountOrder(Frozen):
    """What the counting program is asked; `folder` is what relative paths are relative to."""

    folder: str
    base_model: BaseModelChoice
    method: Method
    head: Head = "language"


class CountAnswer(Frozen):
    """What it answers."""

    trained: int
    total: int


def order_of(config: RunConfig, folder: str) -> CountOrder:
    """What of a run's order decides how many parameters are trained."""
    return CountOrder(folder=folder, base_model=config.base_model, method=config.method, head=config.recipe.head)


def by_arithmetic(order: CountOrder, model_type: str, shapes: Shapes, *, is_tied: bool) -> Count | None:
    """An exact count, or None where only the real layers tell. `is_tied`: the output head is the table of words."""
    if order.head != "language" or not shapes or model_type not in EXACT:
        return None
    own = {name: shape for name, shape in shapes.items() if not (is_tied and name == "lm_head.weight")}
    method = order.method
    if isinstance(method, WholeMethod):
        trained = _of_whole(method, own, is_tied=is_tied)
    else:
        trained = _of_lora(method, own) if isinstance(method, LoraFamily) else None
    return None if not trained else Count(trained, sum(map(math.prod, own.values())), How.ARITHMETIC)


def _of_whole(method: WholeMethod, shapes: Shapes, *, is_tied: bool) -> int | None:
    if is_tied and isinstance(method, Freeze) and (method.head or method.embeddings):
        return None  # one table by two names: which of them counts is the model's affair
    blocks = len({int(found[1]) for name in shapes if (found := BLOCK.search(name))})
    return sum(math.prod(shape) for name, shape in shapes.items() if method.is_trained(name, blocks))


def _of_lora(method: LoraFamily, shapes: Shapes) -> int | None:
    """A of rank x inputs, B of outputs x rank, with DoRA one magnitude for each output."""
    has_more = method.rank_pattern or method.trainable_tokens or method.target_pattern or method.bias != "none"
    if has_more or method.start in ("mica", "eva"):
        return None
    layers = _linear(shapes, method)
    if not layers or any(method.misfit(*shape) for shape in layers.values()):
        return None
    inside = sum(inputs for _, inputs in layers.values())
    outside = sum(outputs for outputs, _ in layers.values())
    one_side = method.rank * outside
    both = one_side if method.lora_fa else one_side + method.rank * inside
    return both + (outside if method.is_decomposed else 0)


def _linear(shapes: Shapes, method: LoraFamily) -> Mapping[str, tuple[int, int]]:
    """The layers that are adapted, with outputs and inputs; none if a name is of no layer."""
    known = {
        name.removesuffix(".weight"): (shape[0], shape[1])
        for name, shape in shapes.items()
        if len(shape) == MATRIX and "embed_tokens" not in name
    }
    chosen = method.target_modules
    if isinstance(chosen, str):
        found = {name: shape for name, shape in known.items() if name != "lm_head"}
    else:
        if any(not any(_is_called(name, wanted) for name in known) for wanted in chosen):
            return {}
        found = {name: shape for name, shape in known.items() if any(_is_called(name, one) for one in chosen)}
    wanted = method.layers_to_transform
    return {name: shape for name, shape in found.items() if not wanted or _block(name) in wanted}


def _block(name: str) -> int | None:
    found = BLOCK.search(f"{name}.")
    return int(found[1]) if found else None


def _is_called(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")
