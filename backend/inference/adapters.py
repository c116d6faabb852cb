"""Putting an adapter on a loaded base model, and taking it off; importing this imports peft, which is slow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peft import PeftConfig, PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from backend.inference.adapter_files import loadable
from backend.inference.errors import AdapterDoesNotFit
from backend.inference.loading import first_line, is_memory_error

CHANGES_BASE = ("layer_replication", "modules_to_save", "trainable_token_indices", "target_parameters")


def put_on(model: PreTrainedModel, folder: Path, name: str) -> tuple[PeftModel, bool]:
    """The adapted model, and whether its base weights are untouched, so that it can answer as the base too.

    Raises AdapterDoesNotFit; the base model must not be used any more then.
    """
    with _refusals(folder), loadable(folder) as source:
        adapted = PeftModel.from_pretrained(model, str(source), adapter_name=name)
    return adapted.eval(), is_harmless(folder)


def put_beside(adapted: PeftModel, folder: Path, name: str) -> None:
    """Add an adapter that leaves the base alone to others of its kind; none of them changes.

    Raises AdapterDoesNotFit; the model must not be used any more then.
    """
    with _refusals(folder):
        with loadable(folder) as source:
            result = adapted.load_adapter(str(source), adapter_name=name)
        if result.missing_keys:
            raise AdapterDoesNotFit(path=folder, reason=f"it lacks {result.missing_keys[0]} and perhaps more")
    adapted.eval()


def is_harmless(folder: Path) -> bool:
    """Whether the adapter in a folder leaves the base alone. Raises AdapterDoesNotFit."""
    with _refusals(folder):
        return leaves_base_alone(PeftConfig.from_pretrained(str(folder)))


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """Whatever peft says against an adapter becomes an AdapterDoesNotFit; a lack of memory stays one."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")
            yield
    except (ValueError, RuntimeError, KeyError, TypeError, OSError, UserWarning, SafetensorError) as error:
        if is_memory_error(error):
            raise
        raise AdapterDoesNotFit(path=folder, reason=first_line(error)) from error


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
