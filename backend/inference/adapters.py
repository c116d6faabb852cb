"""Putting an adapter on a loaded base model, and taking it off; importing this imports peft, which is slow."""

import warnings
from pathlib import Path

from peft import PeftConfig, PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from backend.inference.adapter_files import loadable
from backend.inference.errors import AdapterDoesNotFit
from backend.inference.loading import first_line, is_memory_error

CHANGES_BASE = ("layer_replication", "modules_to_save", "trainable_token_indices", "target_parameters")


def put_on(model: PreTrainedModel, folder: Path) -> tuple[PeftModel, bool]:
    """The adapted model, and whether its base weights are untouched, so that it can answer as the base too.

    Raises AdapterDoesNotFit; the base model must not be used any more then.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")
            config = PeftConfig.from_pretrained(str(folder))
            with loadable(folder) as source:
                adapted = PeftModel.from_pretrained(model, str(source))
    except (ValueError, RuntimeError, KeyError, TypeError, OSError, UserWarning, SafetensorError) as error:
        if is_memory_error(error):
            raise
        raise AdapterDoesNotFit(path=folder, reason=first_line(error)) from error
    return adapted.eval(), leaves_base_alone(config)


def take_off(adapted: PeftModel) -> PreTrainedModel:
    """The base model without the adapter; only for one that left the base alone."""
    base: PreTrainedModel = adapted.unload()
    return base


def leaves_base_alone(config: PeftConfig) -> bool:
    """Whether loading such an adapter changes no weight of the base model, and unloading brings it back.

    PiSSA, OLoRA, CorDA and the like subtract their start from the base weights, and trained biases replace
    the base's. Layers that were trained whole stay behind when peft 0.21 unloads their adapter. Only what is
    known to be harmless counts as such; all others get a base model of their own.
    """
    return (
        str(getattr(config.peft_type, "value", config.peft_type)) == "LORA"
        and getattr(config, "init_lora_weights", None) in (True, False, "gaussian")
        and getattr(config, "bias", None) == "none"
        and not any(getattr(config, name, None) for name in CHANGES_BASE)
    )
