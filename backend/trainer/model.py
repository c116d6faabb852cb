"""Loading the base model and its tokenizer, safely and in the right number format."""

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.base_models.files import BaseFiles, complete, explain
from backend.methods import Head, Method
from backend.network.retrying import Retrying
from backend.quantization import Quantization
from backend.quantization.four_bit import keep_as_loaded
from backend.trainer.errors import PrecisionUnsupported
from backend.trainer.targets import check_fit, skeleton

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


def load_tokenizer(files: BaseFiles) -> PreTrainedTokenizerBase:
    """The tokenizer, with a plain chat template of ours if it has none. Raises as `load_model`."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(files.folder), trust_remote_code=files.has_code)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise explain(files.name, error) from error
    tokenizer.name_or_path = files.name
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_CHAT_TEMPLATE
    return tokenizer


def load_model(
    files: BaseFiles,
    precision: str,
    quantization: Quantization,
    *,
    head: Head = "language",
    retrying: Retrying | None = None,
) -> PreTrainedModel:
    """The base model with frozen weights, on the GPU if there is one; head "score" gives one number per text.

    With the head "score" it gives a text one number, by a layer of random weights (torch's seed) where the model
    was not trained for that.

    Quantized layers are used as they are loaded: norms and embeddings are not raised to float32 (as peft's
    prepare_model_for_kbit_training does), so that the adapter later meets the base that it was trained on.
    A score head that the files lack begins with the same random weights in every attempt.
    Raises ModelUnsafe or ModelUnusable, and as backend.base_models.hub.
    """
    complete(files, retrying)
    options: dict[str, Any] = quantization.load_options(precision)
    if options:
        options["device_map"] = {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"}
    if head == "score":
        options["num_labels"] = 1
    kind = AutoModelForCausalLM if head == "language" else AutoModelForSequenceClassification
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: PreTrainedModel = kind.from_pretrained(
                str(files.folder),
                dtype=getattr(torch, precision),
                use_safetensors=True,
                trust_remote_code=files.has_code,
                **options,
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise explain(files.name, error) from error
    keep_as_loaded(model)
    model.name_or_path = model.config._name_or_path = files.name  # noqa: SLF001 - peft writes it into the adapter
    model.requires_grad_(requires_grad=False)
    return model


def check_method(files: BaseFiles, method: Method, head: Head = "language") -> None:
    """Look up in the model, built without memory, what the method goes on.

    Raises as `check_fit`, or as `load_model`.
    """
    try:
        model = skeleton(str(files.folder), head)
    except (OSError, ValueError, KeyError) as error:
        raise explain(files.name, error) from error
    check_fit(model, method)
