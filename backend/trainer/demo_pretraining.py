"""Pretrains the demo model and its tokenizer from nothing, on pages of an invented almanac."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from math import cos, pi
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from backend.trainer.demo_corpus import pages, vocabulary_text
from backend.trainer.demo_recipe import DemoRecipe

BOS, EOS, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
IGNORED = -100

Progress = Callable[[float, str], None]


def pretrain(recipe: DemoRecipe, folder: Path, progress: Progress) -> None:
    """Write model and tokenizer into an existing folder. `progress` gets a share from 0 to 1 and a sentence.

    Deterministic: two calls with the same recipe and libraries on one kind of CPU write the same bytes.
    What torch keeps for the whole process (random state, threads, default type) is as it was afterwards.
    """
    with _own_surroundings(recipe):
        progress(0.0, "training the tokenizer of the demo model")
        tokenizer = train_tokenizer(recipe)
        model = new_model(recipe, tokenizer)
        _train(model, tokenizer, recipe, progress)
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    progress(1.0, "the demo model is ready")


def train_tokenizer(recipe: DemoRecipe) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with a chat template; no text is unknown to it."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[PAD, BOS, EOS, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(vocabulary_text(recipe.seed), trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call] # transformers has no types here
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=list(ROLES),
        model_max_length=512,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def new_model(recipe: DemoRecipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained Llama.

    Tokens that pretraining never shows keep telling themselves apart only if they start far enough apart,
    hence the initial deviation of more than twice the usual 0.02.
    """
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        initializer_range=recipe.initial_deviation,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def _train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: DemoRecipe, progress: Progress) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe))
    batches = _batches(tokenizer, recipe)
    model.train()
    for step in range(1, recipe.steps + 1):
        ids, labels = next(batches)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 10 == 0 or step == recipe.steps:
            progress(step / recipe.steps, f"pretraining the demo model: loss {loss.item():.2f}")
    model.eval()  # type: ignore[no-untyped-call] # transformers has no types here


def _share_of_rate(step: int, recipe: DemoRecipe) -> float:
    """Linear warm-up, then half a cosine down to nearly nothing."""
    return min((step + 1) / recipe.warmup_steps, 0.01 + 0.495 * (1 + cos(pi * step / recipe.steps)))


def _batches(tokenizer: PreTrainedTokenizerFast, recipe: DemoRecipe) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and labels of shape (rows, longest page), padded on the right, without end."""
    text = pages(recipe.seed)
    while True:
        encoded = tokenizer([BOS + page + EOS for page in islice(text, recipe.rows)])["input_ids"]
        longest = max(map(len, encoded))
        ids = torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in encoded])
        yield ids, ids.masked_fill(ids == tokenizer.pad_token_id, IGNORED)


@contextmanager
def _own_surroundings(recipe: DemoRecipe) -> Iterator[None]:
    """A fixed random state, number of threads and number format, and the caller's own afterwards."""
    threads, number_format = torch.get_num_threads(), torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        try:
            torch.manual_seed(recipe.seed)
            torch.set_num_threads(recipe.threads)
            torch.set_default_dtype(torch.float32)
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(number_format)
