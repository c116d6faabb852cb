"""Tiny causal language models with random weights and a tokenizer of their own, made on the spot."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|{{ message['role'] }}|>\n{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SIZE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,  # a frozen head of smaller weights could not tell tokens apart
}


def tiny_model(folder: Path, architecture: str, corpus: Iterable[str], **changes: Any) -> Path:
    """Save a random model ("llama", "gemma3" or "qwen3") and its tokenizer to a folder."""
    import torch
    from transformers import (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    tokenizer = tiny_tokenizer(corpus)
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    options = SIZE | ids | {"vocab_size": len(tokenizer)} | changes
    torch.manual_seed(7)
    match architecture:
        case "gemma3":
            model = Gemma3ForCausalLM(Gemma3TextConfig(head_dim=8, sliding_window=16, **options))
        case "llama":
            model = LlamaForCausalLM(LlamaConfig(**options))
        case "qwen3":
            model = Qwen3ForCausalLM(Qwen3Config(head_dim=8, **options))
        case _:
            raise ValueError(architecture)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_tokenizer(corpus: Iterable[str], chat_template: str | None = CHAT_TEMPLATE) -> Any:
    """A byte-level BPE tokenizer of 400 tokens with <bos>, <eos> and <pad>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<bos>", "<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = chat_template
    return fast
