"""Loading the base model and its tokenizer, safely and in the right number format."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.domain.errors import ModelNotFound
from backend.domain.run_config import BaseModelChoice
from backend.errors import StudioError
from backend.quantization import Quantization
from backend.trainer.errors import (
    ModelUnreachable,
    ModelUnsafe,
    ModelUnusable,
    PrecisionUnsupported,
    TargetModulesUnknown,
)

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
# Ours, for models that were never taught one: plain words, and the end of text after each answer.
PLAIN_CHAT_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{{ '### ' + message['role'] | capitalize + '\\n' + message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{{ '\\n\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant\\n' }}{% endif %}"
)


def locate(choice: BaseModelChoice, base: Path) -> str:
    """A local folder as an absolute path, or a hub id as it is. Raises ModelNotFound or ModelUnsafe."""
    path = choice.path
    folder = base / Path(path).expanduser()
    if not folder.is_dir():
        if HUB_ID.match(path):
            return path
        raise ModelNotFound(path=path, why="There is no such folder, and it is no hub id.")
    if not (folder / "config.json").is_file():
        raise ModelNotFound(path=path, why="The folder has no config.json.")
    if not any(folder.glob("*.safetensors")):
        if any(found for pattern in PICKLES for found in folder.glob(pattern)):
            raise ModelUnsafe(path=path)
        raise ModelNotFound(path=path, why="The folder has no .safetensors weights.")
    return str(folder.resolve())


def choose_precision(wanted: str) -> str:
    """The number format of the computation as a torch dtype name. Raises PrecisionUnsupported."""
    has_gpu = torch.cuda.is_available()
    has_bfloat16 = has_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "auto":
        return "bfloat16" if has_bfloat16 else "float32"
    if wanted == "float16" and not has_gpu:
        raise PrecisionUnsupported(precision=wanted, why="float16 needs a GPU; a CPU has no fast float16.")
    if wanted == "bfloat16" and has_gpu and not has_bfloat16:
        raise PrecisionUnsupported(precision=wanted, why="The GPU has no bfloat16; float16 works.")
    return wanted


def load_tokenizer(source: str, revision: str | None) -> PreTrainedTokenizerBase:
    """The tokenizer, with a plain chat template of ours if it has none. Raises as `load_model`."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _explain(source, error) from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_CHAT_TEMPLATE
    return tokenizer


def load_model(source: str, revision: str | None, precision: str, quantization: Quantization) -> PreTrainedModel:
    """The base model with frozen weights, on the GPU if there is one.

    Quantized layers are used as they are loaded: norms and embeddings are not raised to float32 (as peft's
    prepare_model_for_kbit_training does), so that the adapter later meets the base that it was trained on.
    Raises ModelNotFound, ModelUnreachable or ModelUnusable.
    """
    options = quantization.load_options(precision)
    if options:
        options["device_map"] = {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source,
            revision=revision,
            dtype=getattr(torch, precision),
            use_safetensors=True,
            trust_remote_code=False,
            **options,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _explain(source, error) from error
    model.requires_grad_(requires_grad=False)
    return model


def check_targets(source: str, revision: str | None, targets: str | Iterable[str]) -> None:
    """Look the names up in the model, built without memory, unless all layers are meant.

    Raises TargetModulesUnknown, or as `load_model`.
    """
    if isinstance(targets, str):
        return
    try:
        config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, KeyError) as error:
        raise _explain(source, error) from error
    names = linear_names(skeleton)
    unknown = [t for t in targets if not any(name == t or name.endswith(f".{t}") for name in names)]
    if unknown:
        known = sorted({name.rpartition(".")[2] for name in names})
        raise TargetModulesUnknown(unknown=", ".join(unknown), known=", ".join(known))


def linear_names(model: nn.Module) -> list[str]:
    """Full names of all linear layers (Conv1D is GPT-2's linear layer)."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
    ]


def _explain(source: str, error: Exception) -> StudioError:
    """What a failure of from_pretrained means; the network is the only one worth another attempt."""
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    if os.path.isabs(source):  # noqa: PTH117 - a hub id is no path
        return ModelUnusable(path=source, why=why)
    if "not a valid model identifier" in str(error) or "gated repo" in str(error):
        return ModelNotFound(path=source, why=why)
    if isinstance(error, OSError):
        return ModelUnreachable(path=source, why=why)
    return ModelUnusable(path=source, why=why)
