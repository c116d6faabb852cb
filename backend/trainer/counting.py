"""Counting trainable parameters on the model's own layers, without memory for their weights."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from backend.base_models.files import explain, locate
from backend.domain.trainable import CountAnswer, CountOrder
from backend.methods import Found, LoraFamily, PeftMethod, WholeMethod
from backend.trainer.errors import MethodUnsuitable
from backend.trainer.targets import check_fit, num_blocks, resolved, skeleton

MOST_REAL = 200_000_000  # parameters of a model that is built with memory, for methods that look at weights
LOOKS_AT_WEIGHTS = "It looks at the weights themselves, and the model is too large to build it for a count."


def count(order: CountOrder) -> CountAnswer:
    """Build the model and the adapter and count. Raises as `locate`, and MethodUnsuitable."""
    files = locate(order.base_model, Path(order.folder))
    try:
        model: nn.Module = skeleton(str(files.folder), order.head)
    except (OSError, ValueError, KeyError) as error:
        raise explain(files.name, error) from error
    check_fit(model, order.method)
    total = sum(parameter.numel() for parameter in model.parameters())
    if isinstance(order.method, WholeMethod):
        blocks = num_blocks(model)
        method = order.method
        trained = sum(p.numel() for name, p in model.named_parameters() if method.is_trained(name, blocks))
        return CountAnswer(trained=trained, total=total)
    return CountAnswer(trained=_of_adapter(order, order.method, model, str(files.folder), total), total=total)


def _of_adapter(order: CountOrder, method: PeftMethod, model: nn.Module, folder: str, total: int) -> int:
    try:
        return _worn(order, method, model, "meta")
    except (NotImplementedError, RuntimeError):
        if total > MOST_REAL:
            raise MethodUnsuitable(method=method.spec_name(), why=LOOKS_AT_WEIGHTS) from None
    except (ValueError, TypeError, KeyError, AssertionError, ImportError) as error:
        raise _unsuitable(method, error) from error
    try:
        return _worn(order, method, _built(folder, order), "cpu")
    except (ValueError, TypeError, KeyError, RuntimeError, AssertionError) as error:
        raise _unsuitable(method, error) from error


def _unsuitable(method: PeftMethod, error: Exception) -> MethodUnsuitable:
    return MethodUnsuitable(method=method.spec_name(), why=str(error).strip() or type(error).__name__)


def _worn(order: CountOrder, method: PeftMethod, model: nn.Module, device: str) -> int:
    """Starts that look at weights or rows give tensors of the same shapes as the plain one."""
    tokens: tuple[str, ...] = getattr(method, "trainable_tokens", ())
    found = Found(
        resolved(model, method),
        invocation=(0,) if getattr(method, "alora_invocation", "") else (),
        tokens=tuple(range(len(tokens))),
    )
    config = method.peft_config(order.head, found)
    if isinstance(config, LoraConfig):
        config.init_lora_weights = True
        config.eva_config = config.corda_config = config.lora_ga_config = None
    with torch.device(device):
        worn = get_peft_model(model, config, low_cpu_mem_usage=device == "meta")
    sides = [(name, p.numel()) for name, p in worn.named_parameters() if p.requires_grad]
    return sum(number for name, number in sides if not _is_frozen_later(name, method))


def _is_frozen_later(name: str, method: PeftMethod) -> bool:
    """LoRA-FA trains B alone, MiCA A alone; both freeze the other one when training begins."""
    if not isinstance(method, LoraFamily):
        return False
    return (method.lora_fa and "lora_A" in name) or (method.start == "mica" and "lora_B" in name)


def _built(folder: str, order: CountOrder) -> nn.Module:
    """The model with memory and random weights."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    kind = AutoModelForCausalLM if order.head == "language" else AutoModelForSequenceClassification
    model: nn.Module = kind.from_config(config)  # type: ignore[no-untyped-call]
    return model
