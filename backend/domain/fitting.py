"""What of an order cannot go together, said before anything is started."""

from backend.methods import LoraFamily, Method, WholeMethod
from backend.methods.family import NEEDS_FULL_WEIGHTS
from backend.quantization import Fp4, Int8, Nf4, NoQuantization, Quantization

LORA_FA_OPTIMIZERS = ("adamw_torch", "adamw_torch_fused")


def misfit(method: Method, quantization: Quantization, precision: str, optimizer: str) -> str | None:
    """Why method, quantization, precision and optimizer contradict one another; None if they do not."""
    name = method.name
    if method.card.unavailable:
        return f'method "{name}" cannot be used: {method.card.unavailable}'
    if name == "qlora" and not isinstance(quantization, Nf4 | Fp4):
        return 'method "qlora" is LoRA on 4-bit weights: remove "quantization" or set it to "nf4" or "fp4"'
    formats = quantization.lineage()
    if not isinstance(quantization, NoQuantization) and not set(formats) & set(method.card.quantizations):
        good = ", ".join(method.card.quantizations)
        if not good:
            return f'method "{name}" needs the full weights: set quantization to "none"'
        return f'method "{name}" does not train on {quantization.name}: set quantization to "none" or {good}'
    if isinstance(method, WholeMethod) and precision == "float16":
        return (
            f'method "{name}" trains the weights themselves, which float16 is too coarse for: choose another precision'
        )
    return _start_misfit(method, quantization, optimizer) if isinstance(method, LoraFamily) else None


def _start_misfit(method: LoraFamily, quantization: Quantization, optimizer: str) -> str | None:
    is_full = isinstance(quantization, NoQuantization)
    if method.start in NEEDS_FULL_WEIGHTS and not is_full:
        return f'init "{method.start}" needs the full weights: set quantization to "none"'
    if method.start == "loftq" and not isinstance(quantization, Nf4):
        return 'init "loftq" makes up for what nf4 lost: set quantization to "nf4"'
    if method.is_decomposed and isinstance(quantization, Int8):
        return 'peft 0.21 cannot compute DoRA\'s magnitudes on int8: set quantization to "nf4" or "none"'
    if method.lora_fa and optimizer not in LORA_FA_OPTIMIZERS:
        return f"lora_fa is an AdamW of its own and cannot use {optimizer}: set training.optimizer to adamw_torch"
    return None
