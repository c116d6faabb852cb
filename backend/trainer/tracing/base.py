"""The base model as the trainer loads it, without its weights."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from peft.tuners.lora import dora, variants
from peft.utils import integrations
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.initialization import no_init_weights
from transformers.quantizers.auto import AutoHfQuantizer, AutoQuantizationConfig

from backend.base_models.files import BaseFiles, explain
from backend.methods import Head
from backend.quantization import Quantization
from backend.quantization.four_bit import keep_as_loaded
from backend.trainer.tracing.pretending import replaced

Change = Callable[[PreTrainedConfig], None]


def pretended_model(
    files: BaseFiles, precision: str, quantization: Quantization, head: Head, change: Change | None = None
) -> PreTrainedModel:
    """What `load_model` gives, with tensors that are made in whatever mode is on. Raises ModelUnusable.

    `change` may alter the configuration before the model is built from it.
    """
    try:
        model = _built(files, precision, quantization, head, change)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise explain(files.name, error) from error
    keep_as_loaded(model)
    model.name_or_path = model.config._name_or_path = files.name  # noqa: SLF001 - as the trainer does
    model.requires_grad_(requires_grad=False)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _built(
    files: BaseFiles, precision: str, quantization: Quantization, head: Head, change: Change | None
) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(str(files.folder), trust_remote_code=files.has_code)
    if change is not None:
        change(config)
    if head == "score":
        config.num_labels = 1
    kind = AutoModelForCausalLM if head == "language" else AutoModelForSequenceClassification
    options: dict[str, Any] = {"dtype": getattr(torch, precision), "trust_remote_code": files.has_code}
    wanted: Any = quantization.load_options(precision).get("quantization_config")
    stored = getattr(config, "quantization_config", None)
    if stored is not None:
        wanted = AutoQuantizationConfig.from_dict(dict(stored)) if isinstance(stored, dict) else stored
        del config.quantization_config
    if wanted is None:
        with no_init_weights():
            model: PreTrainedModel = kind.from_config(config, **options)  # type: ignore[no-untyped-call]
        model.tie_weights()
        return model
    with _disable_current_modes(), no_init_weights(), torch.device("meta"):  # bitsandbytes' layers take no other ones
        model = kind.from_config(config, **options)  # type: ignore[no-untyped-call]
        quantizer: Any = AutoHfQuantizer.from_config(wanted, pre_quantized=False)
        model.config.quantization_config = wanted
        quantizer.preprocess_model(model=model, dtype=options["dtype"], device_map={"": "cpu"})
    return _quantized(model, quantizer, options["dtype"])


def _quantized(model: PreTrainedModel, quantizer: Any, dtype: torch.dtype) -> PreTrainedModel:  # noqa: ANN401
    """Each weight of the layers that transformers has replaced, quantized by bitsandbytes' own functions."""
    for name, module in list(model.named_modules()):
        for key, parameter in list(module._parameters.items()):  # noqa: SLF001 - torch's own name
            if parameter is None or parameter.device.type != "meta":
                continue
            full = f"{name}.{key}" if name else key
            if quantizer.param_needs_quantization(model, full):
                module._parameters[key] = quantized_weight(module, parameter, dtype)  # noqa: SLF001
            else:
                made = torch.empty(parameter.shape, dtype=parameter.dtype)
                module._parameters[key] = nn.Parameter(made, requires_grad=False)  # noqa: SLF001
        for key, buffer in list(module._buffers.items()):  # noqa: SLF001
            if buffer is not None and buffer.device.type == "meta":
                module._buffers[key] = torch.empty(buffer.shape, dtype=buffer.dtype)  # noqa: SLF001
    model.tie_weights()
    model.hf_quantizer = quantizer  # as from_pretrained leaves it
    quantizer.postprocess_model(model)
    return model


def quantized_weight(module: Any, parameter: Any, dtype: torch.dtype) -> nn.Parameter:  # noqa: ANN401 - bitsandbytes'
    """A weight in bitsandbytes' format, as a plain parameter that knows the same things."""
    import bitsandbytes as library  # noqa: PLC0415 - only where something is quantized

    bnb: Any = library

    options = dict(parameter.__dict__)
    full = torch.empty(module.out_features, module.in_features, dtype=dtype)
    if isinstance(module, bnb.nn.Linear4bit):
        packed, state = bnb.functional.quantize_4bit(
            full,
            blocksize=parameter.blocksize,
            compress_statistics=parameter.compress_statistics,
            quant_type=parameter.quant_type,
            quant_storage=parameter.quant_storage,
        )
        found = nn.Parameter(packed, requires_grad=False)
        module.quant_state = state
        options |= {"quant_state": state, "bnb_quantized": True, "module": module}
    else:
        packed, scales, _ = torch.ops.bitsandbytes.int8_vectorwise_quant(full.to(torch.float16), 0.0)
        found = nn.Parameter(packed, requires_grad=False)
        options |= {"CB": packed, "SCB": scales}
    found.__dict__.update(options)
    return found


def vocabulary_of(model: PreTrainedModel) -> int:
    """How many tokens the model gives scores for."""
    return int(getattr(model.config.get_text_config(), "vocab_size", 0) or 0)


@contextmanager
def quantized_weights_read() -> Iterator[None]:
    """Peft's look at a quantized weight as a whole, which asks for bitsandbytes' own class of parameters."""
    usual = integrations.dequantize_module_weight

    def whole(module: nn.Module) -> torch.Tensor:
        state = getattr(module.weight, "quant_state", None)
        found: torch.Tensor = usual(module) if state is None else torch.empty(state.shape, dtype=state.dtype)
        return found

    with ExitStack() as stack:
        for owner in (integrations, dora, variants):
            stack.enter_context(replaced(owner, usual.__name__, whole))
        yield
