"""Which layers of a model a method goes on: found in the model itself, without loading its weights."""

import re
import time
from collections.abc import Iterable, Iterator

import regex
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from backend.methods import Head, Method, PeftMethod, Targeted, WholeMethod
from backend.methods.freeze import BLOCK
from backend.trainer.errors import MethodUnsuitable, TargetModulesUnknown, TargetPatternUnusable

PATTERN_SECONDS = 2.0
KNOWN = 40  # names that an error shows


def skeleton(folder: str, head: Head = "language") -> PreTrainedModel:
    """The model without memory for its weights (torch's meta device). Raises OSError, ValueError or KeyError."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    kind = AutoModelForCausalLM if head == "language" else AutoModelForSequenceClassification
    with torch.device("meta"):
        model: PreTrainedModel = kind.from_config(config)  # type: ignore[no-untyped-call]
    return model


def check_fit(model: nn.Module, method: Method) -> None:
    """Whether the method finds its layers in the model and fits them, before any memory is taken.

    Raises TargetModulesUnknown, TargetPatternUnusable or MethodUnsuitable.
    """
    if isinstance(method, WholeMethod):
        blocks = num_blocks(model)
        if not any(method.is_trained(name, blocks) for name, _ in model.named_parameters()):
            raise MethodUnsuitable(method=method.name, why="None of the model's weights would be trained.")
        return
    if not isinstance(method, Targeted):
        return
    shapes = dict(linear_shapes(model))
    for name in targeted(model, method):
        why = method.misfit(*shapes[name])
        if why:
            raise MethodUnsuitable(method=method.name, why=f"It does not fit the layer {name}: {why}")


def resolved(model: nn.Module, method: PeftMethod) -> tuple[str, ...] | None:
    """The full names that peft is told where the choice itself does not say it all; None where it does."""
    if isinstance(method, Targeted) and (method.target_pattern or method.layers_to_transform):
        return tuple(targeted(model, method))
    return tuple(norm_names(model)) if method.targets == "norms" else None


def targeted(model: nn.Module, method: Targeted) -> list[str]:
    """Full names of the linear layers that are meant. Raises TargetModulesUnknown or TargetPatternUnusable."""
    names = linear_names(model)
    if method.target_pattern:
        chosen = matching(names, method.target_pattern)
    elif isinstance(method.target_modules, str):
        chosen = without_head(model, names)
    else:
        _check_known(names, method.target_modules)
        chosen = [name for name in names if any(_is_called(name, wanted) for wanted in method.target_modules)]
    if method.layers_to_transform:
        chosen = [name for name in chosen if block_of(name) in method.layers_to_transform]
    if not chosen:
        raise TargetModulesUnknown(unknown=_meant(method), known=_shown(names))
    return chosen


def linear_names(model: nn.Module) -> list[str]:
    """Full names of all linear layers."""
    return [name for name, _ in linear_shapes(model)]


def linear_shapes(model: nn.Module) -> Iterator[tuple[str, tuple[int, int]]]:
    """Full names and (outputs, inputs) of all linear layers; Conv1D is GPT-2's linear layer, transposed."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            yield name, (module.out_features, module.in_features)
        elif type(module).__name__ == "Conv1D" and isinstance(weight := module.weight, torch.Tensor):
            yield name, (int(weight.shape[1]), int(weight.shape[0]))


def norm_names(model: nn.Module) -> list[str]:
    """Full names of all normalization layers."""
    return [name for name, module in model.named_modules() if re.search(r"(Layer|RMS)Norm$", type(module).__name__)]


def num_blocks(model: nn.Module) -> int:
    """How many blocks the model has, by the numbers in its parameters' names."""
    return 1 + max((block_of(name + ".") or 0 for name, _ in model.named_parameters()), default=0)


def block_of(name: str) -> int | None:
    """The number of the block that a layer belongs to."""
    found = BLOCK.search(name)
    return int(found[1]) if found else None


def without_head(model: nn.Module, names: Iterable[str]) -> list[str]:
    """All but what makes words or scores of the last state, as peft's "all-linear" means it."""
    head: object = None
    if isinstance(model, PreTrainedModel):
        head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    modules = dict(model.named_modules())
    return [name for name in names if modules[name] is not head and name not in ("lm_head", "score", "classifier")]


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a regular expression matches as a whole. Raises TargetPatternUnusable.

    Python's own `re` can run for hours on a few characters; `regex` stops after PATTERN_SECONDS.
    """
    try:
        compiled = regex.compile(pattern)
        deadline = time.monotonic() + PATTERN_SECONDS
        return [n for n in names if compiled.fullmatch(n, timeout=max(0.001, deadline - time.monotonic()))]
    except regex.error as error:
        raise TargetPatternUnusable(pattern=pattern, why=f"It is no regular expression: {error}.") from error
    except TimeoutError as error:
        raise TargetPatternUnusable(pattern=pattern, why="Matching it takes too long.") from error


def _check_known(names: Iterable[str], wanted: Iterable[str]) -> None:
    unknown = [target for target in wanted if not any(_is_called(name, target) for name in names)]
    if unknown:
        raise TargetModulesUnknown(unknown=", ".join(unknown), known=_shown(names))


def _is_called(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith(f".{wanted}")


def _meant(method: Targeted) -> str:
    wanted = method.target_pattern or method.target_modules
    named = wanted if isinstance(wanted, str) else ", ".join(wanted)
    return f"{named} in blocks {list(method.layers_to_transform)}" if method.layers_to_transform else named


def _shown(names: Iterable[str]) -> str:
    return ", ".join(sorted({name.rpartition(".")[2] for name in names})[:KNOWN])
