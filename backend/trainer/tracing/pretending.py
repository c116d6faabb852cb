"""Tensors that only pretend to have memory: shapes and formats as on the device, without numbers in them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

aten = torch.ops.aten
MATRIX = 2
_DEEPCOPY: Callable[[torch.Tensor, dict[int, Any]], torch.Tensor] = torch.Tensor.__deepcopy__
REAL_BYTES = 32 * 1024 * 1024  # of a mask or of positions; larger ones are pretended like all else


def pretended(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Carry out one operation.

    Small whole numbers such as tokens, positions and masks are real, so that what depends on them goes the way
    that it goes in training; a number that is read out of a pretended tensor is 0.
    """
    if func is torch.ops.prim.device.default and isinstance(args[0], FakeTensor):
        return args[0].fake_device
    tensors = [leaf for leaf in _leaves(args, kwargs) if isinstance(leaf, torch.Tensor)]
    are_pretended = any(isinstance(tensor, FakeTensor) for tensor in tensors)
    if func is aten._local_scalar_dense.default and are_pretended:  # noqa: SLF001
        return _nothing(tensors[0])
    if tensors and not are_pretended:
        with _disable_current_modes():
            return func(*args, **kwargs)
    made_up = MADE_UP.get(func) or MADE_UP_BY_NAME.get(str(func))
    if made_up is not None:
        return made_up(*args, **kwargs)
    if func in (aten.index.Tensor, aten.index_put_.default, aten.index_put.default):
        args = (args[0], _as_places(args[1]), *args[2:])
    found = func(*args, **kwargs)
    if not tensors and _is_small_number(found):
        with _disable_current_modes():
            return func(*args, **kwargs)
    return found


def _leaves(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """What an operation is given; its lists are flat."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _is_small_number(made: Any) -> bool:  # noqa: ANN401
    """Whether it is whole numbers or yes and no, few enough to have them for real."""
    if not isinstance(made, torch.Tensor) or made.is_floating_point() or made.dtype == torch.uint8:
        return False
    return made.numel() * made.element_size() <= REAL_BYTES


def _nothing(tensor: torch.Tensor) -> float | int | bool:
    if tensor.dtype == torch.bool:
        return False
    return 0.0 if tensor.is_floating_point() else 0


def _as_places(indices: Any) -> list[torch.Tensor | None]:  # noqa: ANN401
    """Masks as the places that they choose, whose number is known: of a pretended one all."""
    found: list[torch.Tensor | None] = []
    for index in indices:
        if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
            with _disable_current_modes():
                mask = torch.ones(index.shape, dtype=torch.bool) if isinstance(index, FakeTensor) else index
                found.extend(torch.nonzero(mask, as_tuple=True))
        else:
            found.append(index)
    return found


def _topk(tensor: torch.Tensor, k: int, dim: int = -1, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401
    """Whatever is best: each in turn, so that experts have equally much to do."""
    size, shape = tensor.shape[dim], list(tensor.shape)
    shape[dim] = k
    with _disable_current_modes():
        places = (torch.arange(torch.Size(shape).numel()) % size).reshape(shape)
    return tensor.new_empty(shape), places


def _chance(size: list[int], *rest: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
    """A single number is thrown to decide whether a layer is left out of a step: none is, for that takes the most."""
    if torch.Size(size).numel() != 1:
        found: torch.Tensor = aten.rand.default(size, *rest, **options)
        return found
    with _disable_current_modes():
        return torch.ones(size)


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Tensors of equal shapes may be."""
    return one.shape == other.shape


def _grouped(one: torch.Tensor, other: torch.Tensor, offsets: torch.Tensor | None = None, *_: Any, **__: Any) -> Any:  # noqa: ANN401
    """Products of groups of rows with a matrix each, which torch has without memory for bfloat16 only."""
    if one.ndim == other.ndim == MATRIX:
        assert offsets is not None, "as torch demands"
        return one.new_empty(len(offsets), one.shape[0], other.shape[1])
    return one.new_empty(*one.shape[:-1], other.shape[-1])


def _without_outliers(tensor: torch.Tensor, threshold: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Rows in eight bits with a scale each; how many columns have outliers is not known without numbers: none."""
    found = torch.empty(tensor.shape, dtype=torch.int8), tensor.new_empty(tensor.numel() // tensor.shape[-1])
    return found[0], found[1].float(), torch.empty(0, dtype=torch.int64) if threshold else None


def _mixed(one: torch.Tensor, small: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> tuple[Any, None]:  # noqa: ANN401
    """A product in eight bits of inputs without outliers."""
    return one.new_empty(*small.shape[:-1], weight.shape[0]), None


MADE_UP: dict[Any, Callable[..., Any]] = {
    aten.topk.default: _topk,
    aten.rand.default: _chance,
    aten.equal.default: _are_equal,
}
if hasattr(aten, "_grouped_mm"):
    MADE_UP[aten._grouped_mm.default] = _grouped  # noqa: SLF001 - it has no other name
MADE_UP_BY_NAME: dict[str, Callable[..., Any]] = {
    "bitsandbytes.int8_vectorwise_quant.default": _without_outliers,
    "bitsandbytes.int8_mixed_scaled_mm.default": _mixed,
}


@contextmanager
def pretending() -> Iterator[None]:
    """New tensors have no memory. It is no place for threads."""
    with (
        replaced(nn.Module, "_apply", _apply),
        replaced(torch.Tensor, "__deepcopy__", _deepcopy),
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        yield


@contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Another value of an attribute, for the time inside."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _deepcopy(self: torch.Tensor, memo: dict[int, Any]) -> torch.Tensor:
    """Another tensor of the same size with copies of what was noted on it; torch's way asks for the storage's bytes."""
    if not isinstance(self, FakeTensor):
        with _disable_current_modes():
            return _DEEPCOPY(self, memo)
    if id(self) not in memo:
        found: torch.Tensor = self.detach().clone()
        if isinstance(self, nn.Parameter):
            found = nn.Parameter(found, requires_grad=self.requires_grad)
        memo[id(self)] = found
        noted = {name: value for name, value in vars(self).items() if name not in vars(found)}
        vars(found).update(deepcopy(noted, memo))
    made: torch.Tensor = memo[id(self)]
    return made


def _apply(self: nn.Module, change: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> nn.Module:
    """What torch does to a module's tensors, whose way for pretended ones fails where something else refers to them."""
    for child in self.children() if recurse else ():
        child._apply(change)  # type: ignore[no-untyped-call] # noqa: SLF001 - it is torch's own recursion
    for parameter in self._parameters.values():
        if parameter is None:
            continue
        with torch.no_grad():
            changed = change(parameter)
            if changed is not parameter:
                parameter.data = changed
            if parameter.grad is not None:
                parameter.grad.data = change(parameter.grad)
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = change(buffer)
    return self
