"""Loading a base model and its tokenizer: safetensors only, and no code that nobody trusts."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from backend.base_models.files import complete, explain, locate
from backend.base_models.mapped_files import let_go_of_files
from backend.domain.chat import ChatRequest
from backend.domain.run_config import BaseModelChoice
from backend.network.retrying import Retrying
from backend.quantization import Quantization
from backend.quantization.four_bit import keep_as_loaded


@dataclass(frozen=True, slots=True)
class BaseKey:
    """What makes two base models the same weights in memory."""

    choice: BaseModelChoice
    quantization: Quantization
    precision: str
    device: str = "auto"

    @classmethod
    def of(cls, request: ChatRequest) -> "BaseKey":
        """The base model that a request wants."""
        choice = BaseModelChoice(path=request.base_model, revision=request.revision, trusted_code=request.trusted_code)
        return cls(choice, request.quantization, request.precision, request.device)


def load_base(key: BaseKey, check: Callable[[], None]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model, ready to answer, and its tokenizer.

    Its own code runs only if its hash is trusted, as in training. Raises as backend.base_models, and what `check`
    raises while a model of the hub is fetched.
    """
    retrying = Retrying.watched(check)
    files = locate(key.choice, Path.cwd(), retrying)
    complete(files, retrying)
    device = best_device() if key.device == "auto" else key.device
    precision = best_precision(device) if key.precision == "auto" else key.precision
    common = {"trust_remote_code": files.has_code, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(files.folder), **common)
        model = AutoModelForCausalLM.from_pretrained(
            str(files.folder),
            dtype=getattr(torch, precision),
            device_map={"": device},
            use_safetensors=True,
            **key.quantization.load_options(precision),
            **common,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        if is_memory_error(error):
            raise
        raise explain(files.name, error) from error
    keep_as_loaded(model)
    let_go_of_files(model)
    model.eval()  # type: ignore[no-untyped-call]  # transformers
    return model, tokenizer


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase | None:
    """The tokenizer that was saved with an adapter, or None if there is none. Raises ModelUnusable."""
    if not (folder / "tokenizer_config.json").is_file():
        return None
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise explain(str(folder), error) from error


def weights_bytes(model: PreTrainedModel) -> int:
    """What the weights and buffers take in memory, in the format in which they are kept."""
    return int(model.get_memory_footprint())  # type: ignore[no-untyped-call]  # transformers


def free_memory() -> None:
    """Give the memory of what is no longer referred to back, also to the GPU."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def best_device() -> str:
    """The first GPU, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_precision(device: str) -> str:
    """bfloat16 where a GPU has it, else float32: the same rule as for training."""
    has_bfloat16 = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if has_bfloat16 else "float32"


def is_memory_error(error: BaseException) -> bool:
    """Whether memory ran out, on a GPU or on the CPU (torch raises a plain RuntimeError there)."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def first_line(error: BaseException) -> str:
    """What a library says, in at most 300 characters."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
