"""Trying on the model itself whether the fast ways give what the model's own forward gives."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from backend.trainer.engine.attention import NAME, NotUnderstood, flat_mask, register
from backend.trainer.engine.forward import decoder_of, head_of, learned_loss

LENGTHS = (7, 3, 11)
LONGEST = 48  # a sliding window up to this size is tried with a row that is longer
CLOSE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}  # of the largest value
FOREIGN = (NotUnderstood, TypeError, ValueError, RuntimeError, AttributeError, LookupError)


@dataclass(frozen=True, slots=True)
class Abilities:
    """Why something does not work on this model; empty if it was seen to work."""

    no_flat: str = ""
    no_learned: str = ""


@torch.no_grad()
def probe(model: PreTrainedModel, *, with_ours: bool = True) -> Abilities:
    """What this base model can do; it stays on the flat attention if that works.

    Without `with_ours`, flat rows are tried with the attention that the model has now, which learns from
    positions that begin anew where a row begins.

    A few short rows go through the model one by one, and then as one flat row: hidden states must agree, and so
    must the loss of learned positions with the loss from the model's own logits. No random number is drawn.
    """
    rows = _rows(model)
    with _evaluating(model):
        try:
            alone = [model(input_ids=row[None], use_cache=False).logits[0].float() for row in rows]
            hidden = [decoder_of(model)(input_ids=row[None], use_cache=False).last_hidden_state[0] for row in rows]
        except FOREIGN as error:
            why = f"the model's decoder cannot be called by itself ({_first_line(error)})"
            return Abilities(no_flat=why, no_learned=why)
        no_learned = _try_learned(model, rows, alone)
        return Abilities(_try_flat(model, rows, torch.cat(hidden), with_ours=with_ours), no_learned)


def _try_learned(model: PreTrainedModel, rows: Sequence[torch.Tensor], logits: Sequence[torch.Tensor]) -> str:
    head = head_of(model)
    if head is None:
        return "the model has no layer that gives logits"
    if getattr(model.config.get_text_config(), "output_router_logits", False):
        return "the model adds a loss of its own for its experts"
    row, expected = rows[-1], cross_entropy(logits[-1][:-1], rows[-1][1:], reduction="sum")
    try:
        learned = torch.arange(len(row) - 1, device=row.device)
        found = learned_loss(decoder_of(model), head, learned, row[1:], {"input_ids": row[None]})
    except FOREIGN as error:
        return f"its last layer works differently ({_first_line(error)})"
    is_close = abs(float(found - expected)) <= CLOSE.get(model.dtype, CLOSE[torch.bfloat16]) * abs(float(expected))
    return "" if is_close else "the loss from its last layer differs from its own"


def _try_flat(model: PreTrainedModel, rows: Sequence[torch.Tensor], expected: torch.Tensor, *, with_ours: bool) -> str:
    register()
    before = model.config._attn_implementation  # noqa: SLF001 - it has no other name
    try:
        if with_ours:
            model.set_attn_implementation(NAME)
        positions = torch.cat([torch.arange(len(row), device=row.device) for row in rows])
        found = decoder_of(model)(
            input_ids=torch.cat(list(rows))[None],
            position_ids=positions[None],
            attention_mask=flat_mask([len(row) for row in rows]) if with_ours else None,
            use_cache=False,
        ).last_hidden_state[0]
        difference, largest = float((found - expected).abs().max()), float(expected.abs().max())
        why = "" if difference <= CLOSE.get(model.dtype, CLOSE[torch.bfloat16]) * largest else "rows see one another"
    except FOREIGN as error:
        why = _first_line(error)
    if why and with_ours:
        model.set_attn_implementation(before)
    return why


def _rows(model: PreTrainedModel) -> list[torch.Tensor]:
    """Rows of made-up tokens; one is longer than a short sliding window."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    lengths = [*LENGTHS[:2], window + 3 if isinstance(window, int) and window < LONGEST else LENGTHS[2]]
    size = int(config.vocab_size)
    return [
        torch.tensor([(number * 7919 + 31 * step) % size for step in range(length)], device=model.device)
        for number, length in enumerate(lengths, start=1)
    ]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
