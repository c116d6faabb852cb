"""Finding out what the decision about speed depends on, and doing what was decided."""

import importlib.util
import json

import numpy as np
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTuner
from transformers import PreTrainedModel

from backend.domain.speed_fit import shares_weights_out
from backend.store.files import replace_text
from backend.trainer.engine.forward import install
from backend.trainer.engine.lora import lean, plain_layers
from backend.trainer.engine.probe import Abilities, probe
from backend.trainer.engine.settle import Chosen, Facts, settle
from backend.trainer.errors import SpeedUnsuitable
from backend.trainer.parts import Parts
from backend.trainer.say import say

FILE = "speed.json"  # in the run's logs: what was chosen for the latest attempt, and why


def choose(parts: Parts, lengths: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Chosen:
    """Settle the levers, pull them, and write down why. Raises SpeedUnsuitable."""
    model, speed = parts.adapted.model, parts.config.speed
    own_forward = why_own_forward(model)
    base = base_of(model)
    if speed.attention != "auto":
        attend_by(base, speed.attention)
    abilities = Abilities() if own_forward else probe(base, with_ours=speed.attention == "auto")
    facts = Facts(
        device=base.device.type,
        rows_per_micro_batch=parts.config.training.batch_size,
        longest=int(lengths.max()),
        mean=float(lengths.mean()),
        own_forward=own_forward,
        no_flat=abilities.no_flat,
        no_learned=abilities.no_learned,
        lora_layers=len(plain_layers(model)),
        has_liger=importlib.util.find_spec("liger_kernel") is not None,
        is_shared_out=shares_weights_out(parts.config.devices),
    )
    chosen = settle(speed, facts)
    if not own_forward:
        install(base)
    if chosen.is_liger:
        add_liger(base)
    if chosen.is_lean:
        lean(model)
    for reason in chosen.reasons:
        say(f"speed: {reason}")
    replace_text(parts.desk.attempt.run.logs / FILE, json.dumps({"reasons": chosen.reasons}, indent=1))
    return chosen


def attend_by(base: PreTrainedModel, name: str) -> None:
    """Use one of transformers' own attentions. Raises SpeedUnsuitable if it is not there for this model."""
    try:
        base.set_attn_implementation(name)
    except (ValueError, ImportError) as error:
        why = str(error).strip().partition("\n")[0]
        raise SpeedUnsuitable(setting="speed.attention", value=name, why=why) from error


def add_liger(base: PreTrainedModel) -> None:
    """Liger's kernels for norms and rotations; the loss and the LoRA layers stay ours."""
    from liger_kernel.transformers import _apply_liger_kernel_to_instance  # type: ignore[import-not-found] # noqa: PLC0415 - optional

    _apply_liger_kernel_to_instance(base, cross_entropy=False, fused_linear_cross_entropy=False, swiglu=False)


def why_own_forward(model: PeftModel | PreTrainedModel) -> str:
    """Why a peft model must be called as a whole; empty if only its layers differ from the base model's."""
    if not isinstance(model, PeftModel):
        return ""
    config = model.peft_config["default"]
    if config.is_prompt_learning:
        return "the method adds virtual tokens to each row"
    tuner = model.base_model
    if not isinstance(tuner, BaseTuner) or "forward" in type(tuner).__dict__:
        return f"the method ({type(tuner).__name__}) computes in a forward of its own"
    if getattr(config, "alora_invocation_tokens", None):
        return "the method looks for the tokens that switch it on in each row"
    return ""


def base_of(model: PeftModel | PreTrainedModel) -> PreTrainedModel:
    """The model that wears the adapter, or that is trained itself."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    assert isinstance(base, PreTrainedModel)
    return base
