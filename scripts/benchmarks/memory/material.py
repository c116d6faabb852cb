"""What the memory bench trains on: models of several families with random weights, and rows of one length."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.benchmarks.training.material import MARKS, NUM_MARKS, word_list, word_tokenizer

SEED = 7
QUESTION_TOKENS = 4
PREFERENCES = ("dpo", "orpo", "reward")


@dataclass(frozen=True, slots=True)
class Family:
    """A transformers configuration by `model_type`, and what it is told beyond the ids of the special tokens."""

    model_type: str
    vocabulary: int
    options: dict[str, Any]


def _usual(hidden: int, layers: int, inner: int, heads: int, kv_heads: int | None = None) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads or heads,
        "max_position_embeddings": 2048,
    }


FAMILIES = {
    "llama": Family("llama", 16_384, _usual(512, 6, 1408, 8, 4)),
    "llama-wide": Family("llama", 8_192, _usual(1024, 4, 2816, 16, 4)),
    "llama-large": Family("llama", 16_384, _usual(2048, 3, 5632, 16, 4)),
    "llama-words": Family("llama", 49_152, _usual(384, 4, 1024, 6, 2)),
    "qwen3": Family("qwen3", 24_576, _usual(512, 6, 1536, 8, 2) | {"head_dim": 64, "tie_word_embeddings": True}),
    "gemma3": Family("gemma3_text", 32_768, _usual(512, 6, 2048, 4, 1) | {"head_dim": 128, "sliding_window": 128}),
    "gpt2": Family("gpt2", 16_384, {"n_embd": 512, "n_layer": 6, "n_head": 8, "n_positions": 1024}),
    "phi3": Family("phi3", 16_384, _usual(512, 6, 1408, 8, 8)),
    "mistral": Family("mistral", 16_384, _usual(640, 5, 1792, 10, 2) | {"head_dim": 64}),
    "gpt_neox": Family("gpt_neox", 16_384, _usual(512, 6, 2048, 8)),
    "opt": Family(
        "opt",
        16_384,
        {
            "hidden_size": 512,
            "num_hidden_layers": 6,
            "ffn_dim": 2048,
            "num_attention_heads": 8,
            "max_position_embeddings": 1024,
            "word_embed_proj_dim": 512,
        },
    ),
}


def make_model(folder: Path, name: str) -> Path:
    """The model's folder, built on first use; the same weights each time."""
    target = folder / name
    if (target / "model.safetensors").is_file():
        return target
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    make_configuration(target, FAMILIES[name])
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(target, trust_remote_code=False))  # type: ignore[no-untyped-call]
    model.save_pretrained(target)
    return target


def make_configuration(target: Path, family: Family) -> Path:
    """A folder with tokenizer and config.json and no weights, made on first use."""
    if (target / "config.json").is_file():
        return target
    from transformers import AutoConfig

    tokenizer: Any = word_tokenizer(words(family.vocabulary))
    ids = {f"{mark}_token_id": getattr(tokenizer, f"{mark}_token_id") for mark in ("bos", "eos", "pad")}
    size = {"vocab_size": len(tokenizer)}
    tokenizer.save_pretrained(target)
    AutoConfig.for_model(family.model_type, **family.options | ids | size).save_pretrained(target)
    return target


def words(vocabulary: int) -> list[str]:
    """All but the marks, most used first."""
    return word_list(vocabulary - len(MARKS), random.Random(SEED))  # noqa: S311 - sample data


def make_rows(file: Path, *, recipe: str, vocabulary: int, tokens: int, count: int) -> Path:
    """`count` rows of exactly `tokens` tokens each with the chat template, for one recipe."""
    if file.is_file():
        return file
    chance = random.Random(SEED)  # noqa: S311 - sample data
    known = words(vocabulary)
    rows = [_row(recipe, known, tokens, chance, number) for number in range(count)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def _row(recipe: str, known: list[str], tokens: int, chance: random.Random, number: int) -> dict[str, Any]:
    def text(count: int) -> str:
        return " ".join(chance.choices(known, k=count))

    question, answer = QUESTION_TOKENS, tokens - QUESTION_TOKENS - NUM_MARKS
    if recipe == "pretrain":
        return {"text": text(tokens)}
    if recipe in PREFERENCES:
        return {"prompt": text(question), "chosen": text(answer), "rejected": text(answer)}
    if recipe == "kto":
        return {"prompt": text(question), "completion": text(answer), "label": number % 2 == 0}
    turns = (("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text(count)} for role, count in turns]}
