"""The summed cross entropy of tokens, without ever holding all their logits."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

CHUNK_BYTES = 16 * 1024 * 1024  # logits held at a time on the CPU: about what its caches hold; measured
CHUNK_BYTES_CUDA = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """From hidden states to logits: a linear layer, then logits x `scale`, then softcap x tanh(logits / softcap)."""

    layer: nn.Module
    scale: float = 1.0
    softcap: float | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the layer is a matrix product and nothing else, so that we may compute it ourselves."""
        layer = self.layer
        is_hooked = bool(layer._forward_hooks or layer._forward_pre_hooks)  # noqa: SLF001 - torch has no question for it
        is_biased = any(name == "bias" and bias.requires_grad for name, bias in layer.named_parameters())
        return type(layer) is nn.Linear and not is_hooked and not is_biased and layer.weight.is_floating_point()

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(tokens, vocabulary) of (tokens, size)."""
        found: torch.Tensor = self.layer(hidden) * self.scale if self.scale != 1.0 else self.layer(hidden)
        return found if self.softcap is None else self.softcap * torch.tanh(found / self.softcap)


def summed_loss(head: Head, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Summed negative log-likelihood of `targets` (tokens,) given hidden states (tokens, size), in nats, float32."""
    layer = head.layer
    if not head.is_plain:
        return cross_entropy(head.logits(hidden).float(), targets, reduction="sum")
    assert isinstance(layer, nn.Linear)
    if torch.is_autocast_enabled(hidden.device.type):
        hidden = hidden.to(torch.get_autocast_dtype(hidden.device.type))
    found: torch.Tensor = ChunkedLoss.apply(  # type: ignore[no-untyped-call]
        hidden, layer.weight, layer.bias, targets, head.scale, head.softcap
    )
    return found


class ChunkedLoss(torch.autograd.Function):
    """Loss and gradients in one pass over chunks of tokens; a chunk's logits are gone before the next one's come.

    The gradient of the loss by the logits is softmax - onehot, so that it is known as soon as the logits are
    (Wijmans et al., "Cut your losses in large-vocabulary language models", 2024, and Liger Kernel do the same).
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        scale: float,
        softcap: float | None,
    ) -> torch.Tensor:
        """The summed loss, a float32 scalar."""
        matrix = weight.to(hidden.dtype)
        needs_hidden, needs_weight = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        is_learning = needs_hidden or needs_weight
        grad_hidden = torch.empty_like(hidden) if needs_hidden else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if needs_weight else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        parts = _chunks(len(targets), len(weight), hidden.device)
        room = hidden.new_empty(parts[0].stop, len(weight)) if parts else hidden  # the same memory for all chunks
        for part in parts:
            piece = hidden[part]
            logits = _raw_logits(piece, matrix, bias, room[: len(piece)]).float()
            loss += _loss_and_gradient(logits, targets[part], scale, softcap, with_gradient=is_learning)
            gradient = logits.to(hidden.dtype)
            if grad_hidden is not None:
                torch.mm(gradient, matrix, out=grad_hidden[part])
            if grad_weight is not None:
                grad_weight += gradient.T @ piece
        ctx.save_for_backward(grad_hidden, grad_weight)
        ctx.weight_dtype = weight.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        """What forward has prepared, scaled."""
        hidden, weight = ctx.saved_tensors
        by_hidden = None if hidden is None else hidden * gradient.to(hidden.dtype)
        by_weight = None if weight is None else (weight * gradient).to(ctx.weight_dtype)
        return by_hidden, by_weight, None, None, None, None


def _raw_logits(
    hidden: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor | None, room: torch.Tensor
) -> torch.Tensor:
    """A linear layer's result, written into `room` (tokens, vocabulary)."""
    if bias is None:
        return torch.mm(hidden, matrix.T, out=room)
    return torch.addmm(bias.to(hidden.dtype), hidden, matrix.T, out=room)


def _loss_and_gradient(
    logits: torch.Tensor, targets: torch.Tensor, scale: float, softcap: float | None, *, with_gradient: bool
) -> torch.Tensor:
    """The summed loss; `logits` (tokens, vocabulary) become its gradient by the head's raw output, in place."""
    if scale != 1.0:
        logits.mul_(scale)
    bent = None
    if softcap is not None:
        logits.div_(softcap).tanh_()
        bent = 1 - logits**2 if with_gradient else None
        logits.mul_(softcap)
    chosen = targets.unsqueeze(1)
    largest = logits.amax(dim=1, keepdim=True)
    picked = logits.gather(1, chosen).sub_(largest)
    sums = logits.sub_(largest).exp_().sum(dim=1, keepdim=True)
    loss = (sums.log() - picked).sum()
    if with_gradient:
        logits.div_(sums)
        logits.scatter_add_(1, chosen, torch.full_like(picked, -1.0))
        if bent is not None:
            logits.mul_(bent)
        if scale != 1.0:
            logits.mul_(scale)
    return loss


def _chunks(tokens: int, vocabulary: int, device: torch.device) -> list[slice]:
    held = CHUNK_BYTES if device.type == "cpu" else CHUNK_BYTES_CUDA
    size = max(1, held // (4 * vocabulary))
    return [slice(start, min(start + size, tokens)) for start in range(0, tokens, size)]
