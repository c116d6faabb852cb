"""Attention over a flat row: sequences end to end, each of which attends only to itself."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "studio_flat"
MOST_FLASH = 256  # the largest head of the flash kernels
UNDERSTOOD = {
    "num_items_in_batch",
    "position_ids",
    "use_cache",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
}


class NotUnderstood(Exception):
    """A model asks its attention for something that flat rows do not have here."""


def register() -> None:
    """Make the name known to transformers. For everything but flat rows it is its own "sdpa"."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, flat_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)


def flat_mask(lengths: Sequence[int]) -> torch.Tensor:
    """What a flat row gives as its `attention_mask`: its sequences' lengths, shape (1, 1, 1, sequences), int64.

    It stays on the CPU, so that reading it never waits for a GPU.
    """
    return torch.tensor(lengths, dtype=torch.int64).view(1, 1, 1, -1)


def flat_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **options: Any,  # noqa: ANN401 - whatever a model's attention passes
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: query (1, heads, tokens, size), keys and values with fewer heads.

    Gives (1, tokens, heads, size). Raises NotUnderstood.
    """
    if attention_mask is None or attention_mask.dtype != torch.int64:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=is_causal, **options
        )
    window = _window(module, is_causal, options)
    lengths = attention_mask.flatten().tolist()
    if query.shape[0] != 1 or sum(lengths) != query.shape[2] or key.shape[2] != query.shape[2]:
        raise NotUnderstood("it does not attend to one flat row")
    scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
    if torch.is_autocast_enabled(query.device.type):  # rotations leave queries and keys in float32
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    softcap = options.get("softcap")
    is_plain = softcap is None and not dropout and value.shape[-1] == query.shape[-1]
    if is_plain and has_varlen(query.device, query.dtype, query.shape[-1]):
        return flat_on_cuda(query, key, value, lengths, window, scale), None
    if not is_plain or query.device.type != "cpu":
        return _general(query, key, value, lengths, window, scale, softcap, dropout).transpose(1, 2), None
    out: torch.Tensor = FlatOnCpu.apply(query, key, value, lengths, window, scale)  # type: ignore[no-untyped-call]
    return out.transpose(1, 2), None


def _window(module: torch.nn.Module, is_causal: bool | None, options: dict[str, Any]) -> int | None:
    """How many tokens back a token sees, itself included; None for all. Raises NotUnderstood."""
    if not (getattr(module, "is_causal", True) if is_causal is None else is_causal):
        raise NotUnderstood("its tokens see later ones")
    unknown = {name for name, value in options.items() if value is not None and value is not False}
    unknown -= UNDERSTOOD | {"sliding_window", "softcap"}
    if unknown:
        raise NotUnderstood(f"its attention uses {', '.join(sorted(unknown))}")
    window = options.get("sliding_window")
    return int(window) if window else None


def has_varlen(device: torch.device, dtype: torch.dtype, head_size: int) -> bool:
    """Whether torch's own flash attention for rows of different lengths runs: Ampere or newer, half precision.

    https://docs.pytorch.org/docs/stable/nn.attention.varlen.html
    """
    if device.type != "cuda" or dtype not in {torch.float16, torch.bfloat16} or head_size > MOST_FLASH:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0) and torch.version.hip is None


def flat_on_cuda(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: list[int], window: int | None, scale: float
) -> torch.Tensor:
    """All sequences in one kernel; (1, tokens, heads, size)."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - exists for CUDA only

    ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    bounds = ends.to(query.device, non_blocking=True)
    found = varlen_attn(
        query[0].transpose(0, 1),
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
        bounds,
        bounds,
        max(lengths),
        max(lengths),
        scale=scale,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    assert isinstance(found, torch.Tensor)
    return found.unsqueeze(0)


class FlatOnCpu(torch.autograd.Function):
    """torch's flash kernel for the CPU, sequence by sequence, reading and writing the flat tensors in place.

    Slicing under autograd would copy every slice and its gradient; the kernel also takes fewer key heads than
    query heads, so that they need not be repeated.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        lengths: list[int],
        window: int | None,
        scale: float,
    ) -> torch.Tensor:
        """Shape (1, heads, tokens, size), laid out token by token."""
        out = torch.empty_like(query.transpose(1, 2), memory_format=torch.contiguous_format).transpose(1, 2)
        sums = query.new_empty(query.shape[:3], dtype=torch.float32)
        for part in _parts(lengths):
            is_causal, mask = _causality(part, window, query)
            found, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(  # noqa: SLF001 - below F's
                *(tensor[:, :, part] for tensor in (query, key, value)), 0.0, is_causal, attn_mask=mask, scale=scale
            )
            out[:, :, part] = found
            sums[:, :, part] = lse
        ctx.save_for_backward(query, key, value, out, sums)
        ctx.options = lengths, window, scale
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        """The kernel's own backward, sequence by sequence."""
        query, key, value, out, sums = ctx.saved_tensors
        lengths, window, scale = ctx.options
        found = tuple(torch.empty_like(tensor) for tensor in (query, key, value))
        for part in _parts(lengths):
            is_causal, mask = _causality(part, window, query)
            parts = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(  # noqa: SLF001
                *(tensor[:, :, part] for tensor in (gradient, query, key, value, out, sums)),
                0.0,
                is_causal,
                attn_mask=mask,
                scale=scale,
            )
            for whole, piece in zip(found, parts, strict=True):
                whole[:, :, part] = piece
        return *found, None, None, None


def _parts(lengths: Sequence[int]) -> list[slice]:
    parts, start = [], 0
    for length in lengths:
        parts.append(slice(start, start + length))
        start += length
    return parts


def _causality(part: slice, window: int | None, like: torch.Tensor) -> tuple[bool, torch.Tensor | None]:
    """The kernel's own causal mask, or one to add to the scores if the window cuts something off."""
    length = part.stop - part.start
    if window is None or length <= window:
        return True, None
    sees = _sees(length, window, like.device)
    return False, like.new_zeros(sees.shape).masked_fill_(~sees, float("-inf"))


def _sees(length: int, window: int | None, device: torch.device) -> torch.Tensor:
    """Which token (row) sees which (column), as bool."""
    sees = torch.ones(length, length, dtype=torch.bool, device=device).tril_()
    return sees if window is None else sees.triu_(1 - window)


def _general(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lengths: list[int],
    window: int | None,
    scale: float,
    softcap: float | None,
    dropout: float,
) -> torch.Tensor:
    """The same on any device, with dropout and softcap, by torch's own functions."""
    found = []
    groups = query.shape[1] // key.shape[1]
    pieces = zip(*(torch.split(tensor, lengths, dim=2) for tensor in (query, key, value)), strict=True)
    for q, k, v in pieces:
        length = q.shape[2]
        is_cut = window is not None and length > window
        if softcap is None:
            mask = _sees(length, window, q.device) if is_cut else None
            options: dict[str, Any] = {"attn_mask": mask, "is_causal": mask is None, "enable_gqa": groups > 1}
            found.append(scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale, **options))
            continue
        scores = q @ k.repeat_interleave(groups, dim=1).transpose(-1, -2) * scale
        scores = softcap * torch.tanh(scores / softcap)
        scores = scores.masked_fill(~_sees(length, window, q.device), float("-inf"))
        weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
        weights = torch.nn.functional.dropout(weights, dropout)
        found.append(weights @ v.repeat_interleave(groups, dim=1))
    return torch.cat(found, dim=2)
