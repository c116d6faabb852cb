"""LoRA layers that keep less and copy less than peft's, with the same results."""

import types
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn.functional import linear


def lean(model: nn.Module) -> int:
    """Give each plain LoRA layer of a peft model the lean forward; how many there are.

    Only the instances change: saving, merging, switching adapters off and everything that is not the plain
    case (DoRA and other variants, several adapters, adapters per row, merged weights) goes through peft's own.
    """
    layers = plain_layers(model)
    for layer in layers:
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def plain_layers(model: nn.Module) -> list[nn.Module]:
    """The LoRA layers of a peft model that may compute the lean way."""
    return [layer for layer in model.modules() if _is_plain(layer)]


def _is_plain(layer: nn.Module) -> bool:
    is_linear = isinstance(layer, LoraLinear) or type(layer).__name__ in {"Linear4bit", "Linear8bitLt"}
    return is_linear and isinstance(layer, LoraLayer) and isinstance(layer.get_base_layer(), nn.Linear)


def plain_adapter(layer: Any, options: dict[str, Any]) -> str | None:  # noqa: ANN401 - peft's layers are untyped
    """The name of the one active adapter, or None where peft's own forward is needed."""
    if layer.disable_adapters or layer.merged or options or len(layer.active_adapters) != 1:
        return None
    name = layer.active_adapters[0]
    is_plain = name in layer.lora_A and name not in layer.lora_variant and not layer.lora_bias.get(name, False)
    is_plain = is_plain and type(layer.lora_A[name]) is nn.Linear and type(layer.lora_B[name]) is nn.Linear
    return str(name) if is_plain else None


def is_frozen_linear(layer: nn.Module, dtype: torch.dtype) -> bool:
    """Whether a base layer is a matrix product that we may compute ourselves, with nothing to learn in it."""
    is_hooked = bool(layer._forward_hooks or layer._forward_pre_hooks)  # noqa: SLF001 - torch has no question for it
    return (
        type(layer) is nn.Linear
        and not is_hooked
        and layer.weight.dtype == dtype
        and not any(parameter.requires_grad for parameter in layer.parameters())
    )


def compute_dtype(x: torch.Tensor) -> torch.dtype:
    """What matrix products are computed in: autocast's format, else the input's."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def dropout_of(layer: Any, name: str) -> float:  # noqa: ANN401
    """The share of inputs that the adapter does not see now."""
    dropout = layer.lora_dropout[name]
    return float(dropout.p) if isinstance(dropout, nn.Dropout) and layer.training else 0.0


def _forward(self: Any, x: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
    name = None if args else plain_adapter(self, options)
    dtype = compute_dtype(x)
    is_cast = torch.is_autocast_enabled(x.device.type)
    if name is None or not (is_cast or self.lora_A[name].weight.dtype == dtype):
        found: torch.Tensor = type(self).forward(self, x, *args, **options)
        return found
    down, up, scale = self.lora_A[name].weight, self.lora_B[name].weight, float(self.scaling[name])
    base, dropout = self.base_layer, dropout_of(self, name)
    x = x.to(dtype)
    seen = torch.native_dropout(x, dropout, train=True)[1] if dropout else None
    if is_frozen_linear(base, dtype):
        fused: torch.Tensor = LoraOnFloat.apply(  # type: ignore[no-untyped-call]
            x, base.weight, base.bias, down, up, scale, seen, dropout
        )
        return fused
    result = base(x).to(dtype)
    added: torch.Tensor = LoraDelta.apply(  # type: ignore[no-untyped-call]
        result, x, down, up, scale, seen, dropout
    )
    return added


def thinned(x: torch.Tensor, seen: torch.Tensor | None, dropout: float) -> torch.Tensor:
    """What the adapter sees of its input: `seen` is a bool mask as large as x, or None for all."""
    return x if seen is None else x * seen * (1 / (1 - dropout))


def adapter_gradients(
    gradient: torch.Tensor, x: torch.Tensor, low: torch.Tensor, down: torch.Tensor, up: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of y = scale (x down^T) up^T, given d/dy: what belongs to x down^T, and the gradients of down and up.

    Shapes: gradient (tokens, out), x (tokens, in), low = x down^T (tokens, rank).
    """
    by_low = (gradient @ up.to(gradient.dtype)).mul_(scale)
    by_up = (gradient.T @ low).mul_(scale)
    return by_low, (by_low.T @ x).to(down.dtype), by_up.to(up.dtype)


class LoraOnFloat(torch.autograd.Function):
    """y = x W^T + b + scale (x A^T) B^T with a frozen W; keeps x and x A^T (tokens, rank) for the backward."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
        seen: torch.Tensor | None,
        dropout: float,
    ) -> torch.Tensor:
        """From x (..., in) to y (..., out)."""
        y = linear(x, weight, bias)
        low = linear(thinned(x, seen, dropout).flatten(0, -2), down.to(x.dtype))
        y.view(-1, y.shape[-1]).addmm_(low, up.to(x.dtype).T, alpha=scale)
        ctx.save_for_backward(x, weight, down, up, low, seen)
        ctx.options = scale, dropout
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        """Gradients of x, A and B."""
        x, weight, down, up, low, seen = ctx.saved_tensors
        scale, dropout = ctx.options
        flat = gradient.reshape(-1, gradient.shape[-1])
        view = thinned(x, seen, dropout).view(-1, x.shape[-1])
        by_low, by_down, by_up = adapter_gradients(flat, view, low, down, up, scale)
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = flat @ weight
            add_through_adapter(by_x, by_low, down, seen, dropout)
            by_x = by_x.view(x.shape)
        return by_x, None, None, by_down, by_up, None, None, None


def add_through_adapter(
    by_x: torch.Tensor, by_low: torch.Tensor, down: torch.Tensor, seen: torch.Tensor | None, dropout: float
) -> None:
    """Add the input's gradient that comes through the adapter, in place; shapes (tokens, in) and (tokens, rank)."""
    matrix = down.to(by_low.dtype)
    if seen is None:
        by_x.addmm_(by_low, matrix)
    else:
        by_x.add_((by_low @ matrix).mul_(seen.view(by_x.shape)), alpha=1 / (1 - dropout))


class LoraDelta(torch.autograd.Function):
    """y += scale (x A^T) B^T in place, for a base layer that computes y its own way, such as in four bits."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's
        y: torch.Tensor,
        x: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
        seen: torch.Tensor | None,
        dropout: float,
    ) -> torch.Tensor:
        """The y (..., out) that was given, changed."""
        low = linear(thinned(x, seen, dropout).flatten(0, -2), down.to(x.dtype))
        y.view(-1, y.shape[-1]).addmm_(low, up.to(x.dtype).T, alpha=scale)
        ctx.mark_dirty(y)
        ctx.save_for_backward(x, down, up, low, seen)
        ctx.options = scale, dropout
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        """Gradients of y, x, A and B."""
        x, down, up, low, seen = ctx.saved_tensors
        scale, dropout = ctx.options
        flat = gradient.reshape(-1, gradient.shape[-1])
        view = thinned(x, seen, dropout).view(-1, x.shape[-1])
        by_low, by_down, by_up = adapter_gradients(flat, view, low, down, up, scale)
        by_x = None
        if ctx.needs_input_grad[1]:
            by_x = torch.zeros_like(view)
            add_through_adapter(by_x, by_low, down, seen, dropout)
            by_x = by_x.view(x.shape)
        return gradient, by_x, by_down, by_up, None, None, None
