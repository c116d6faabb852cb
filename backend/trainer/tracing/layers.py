"""Models of many equal layers, traced with few of them: which may be left out, and what all would take."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

FEWEST = 2  # repetitions that are left in the smaller trace: the first and the last behave in their own ways


WORTH = 0.75  # of the layers: two traces have more to do beside them than one


@dataclass(frozen=True, slots=True)
class Plan:
    """Of `total` layers `repeats` groups of `period` from number `start` on are equal; some of them can be left out."""

    start: int
    period: int
    repeats: int
    total: int

    def kept(self, repeats: int) -> list[int]:
        """The numbers of the layers of a model that has only so many of those groups."""
        first = self.start + self.period * repeats
        behind = self.start + self.period * self.repeats
        return [*range(first), *range(behind, self.total)]


def layers_of(model: PreTrainedModel) -> nn.ModuleList | None:
    """The list of blocks that a model consists of: the one with the most parameters."""
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) > 1]
    outer = [one for one in lists if not any(one is not other and _holds(other, one) for other in lists)]
    return max(outer, key=lambda one: sum(p.numel() for p in one.parameters()), default=None)


def plan_of(model: PreTrainedModel, layers: nn.ModuleList) -> Plan | None:
    """The repetition that leaves the fewest layers to trace; None where tracing all is no more work."""
    told = signatures(model, layers)
    plans = [plan for period in range(1, len(told) // 2 + 1) for plan in repetitions(told, period)]
    best = max(plans, key=lambda plan: (plan.repeats - FEWEST) * plan.period, default=None)
    if best is None:
        return None
    traced = 2 * len(told) - best.period * (2 * (best.repeats - FEWEST) - 1)
    return best if traced < WORTH * len(told) else None


def leave_out(model: PreTrainedModel, layers: nn.ModuleList, kept: Sequence[int]) -> None:
    """Take all other layers out of the model, and out of what its configuration says of each layer."""
    total, chosen = len(layers), [layers[number] for number in kept]
    del layers[:]
    layers.extend(chosen)
    shorten(model.config, kept, total)


def shorten(config: PreTrainedConfig, kept: Sequence[int], total: int) -> None:
    """Let a configuration of `total` layers speak of those only that are kept."""
    for told in {id(one): one for one in (config, config.get_text_config())}.values():
        for name, value in vars(told).items():
            if isinstance(value, list | tuple) and len(value) == total:
                setattr(told, name, [value[number] for number in kept])
        for name in ("num_hidden_layers", "n_layer", "num_layers", "n_layers"):
            if vars(told).get(name) == total:
                setattr(told, name, len(kept))


def places(plan: Plan | None, repeats: int, total: int) -> list[str]:
    """A name for each layer of a model with so many groups: equal where layers of two such models correspond."""
    if plan is None:
        return [str(number) for number in range(total)]
    first, last = plan.start + plan.period, plan.start + plan.period * (repeats - 1)
    behind = plan.start + plan.period * repeats
    return [
        f"first {number}" if number < first else f"last {number - behind}" if number >= last else "between"
        for number in range(total)
    ]


def repetitions(told: Sequence[Hashable], period: int) -> Iterator[Plan]:
    """Where groups of `period` layers follow one another, more of them than must be traced."""
    start = 0
    while start + period < len(told):
        end = start
        while end + period < len(told) and told[end] == told[end + period]:
            end += 1
        repeats = (end - start) // period + 1
        if repeats > FEWEST + 1:
            yield Plan(start, period, repeats, len(told))
        start = max(end, start + 1)


def signatures(model: PreTrainedModel, layers: nn.ModuleList) -> list[Hashable]:
    """For each layer what decides the memory that it takes."""
    kinds: Any = getattr(model.config.get_text_config(), "layer_types", None) or [None] * len(layers)
    return [(_told_by(layer), kind) for layer, kind in zip(layers, kinds, strict=False)]


def _told_by(layer: nn.Module) -> Hashable:
    tensors = tuple((n, tuple(p.shape), p.dtype, p.requires_grad) for n, p in layer.named_parameters())
    return tensors, tuple((type(one).__name__, getattr(one, "sliding_window", None)) for one in layer.modules())


def _holds(outer: nn.Module, inner: nn.Module) -> bool:
    return any(module is inner for module in outer.modules())
