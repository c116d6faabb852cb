"""A causal language model's forward that computes scores only where they count in the loss."""

import types
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from backend.trainer.engine.attention import NAME, flat_mask
from backend.trainer.engine.losses import Head, summed_loss

LEARNED = "learned"  # the argument of a forward that asks for our loss: positions whose next token counts


def head_of(model: PreTrainedModel) -> Head | None:
    """A model's last layer with what its configuration says about logits, or None if it has no such layer."""
    layer = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if not isinstance(layer, nn.Module):
        return None
    config = model.config.get_text_config()
    scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
    softcap = getattr(config, "final_logit_softcapping", None)
    return Head(layer, scale, float(softcap) if softcap else None)


def decoder_of(model: PreTrainedModel) -> nn.Module:
    """All of a model but its last layer."""
    decoder = model.get_decoder()  # type: ignore[no-untyped-call]
    assert isinstance(decoder, nn.Module)
    return decoder


def install(model: PreTrainedModel) -> None:
    """Let the forward of this instance understand `learned` and `row_lengths`; all else is as it was."""
    decoder, head = decoder_of(model), head_of(model)
    original = model.forward

    def forward(_: nn.Module, *args: Any, **inputs: Any) -> Any:  # noqa: ANN401 - the model's own arguments
        lengths = inputs.pop("row_lengths", None)
        if lengths is not None and model.config._attn_implementation == NAME:  # noqa: SLF001 - it has no other name
            inputs["attention_mask"] = flat_mask(lengths)
        learned, targets = inputs.pop(LEARNED, None), inputs.pop("targets", None)
        if learned is None:
            return original(*args, **inputs)
        total = inputs.pop("num_items_in_batch", None)
        given = {name: value for name, value in inputs.items() if value is not None}
        loss = learned_loss(decoder, head, learned, targets, given)
        return CausalLMOutputWithPast(loss=loss if total is None else loss / total)

    model.forward = types.MethodType(forward, model)


def learned_loss(
    decoder: nn.Module, head: Head | None, learned: torch.Tensor, targets: torch.Tensor, inputs: dict[str, Any]
) -> torch.Tensor:
    """The summed loss of the positions `learned` (flat indices), each of which predicts its target."""
    assert head is not None, "settled before"
    hidden = decoder(**inputs, use_cache=False).last_hidden_state
    return summed_loss(head, hidden.reshape(-1, hidden.shape[-1]).index_select(0, learned), targets)
