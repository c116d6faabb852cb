"""What a trace need not do again and again, because it would find the same bytes each time, or need not count."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from backend.domain.memory_forecast import MemoryOrder
from backend.trainer.engine import choosing, losses
from backend.trainer.engine.probe import Abilities, probe
from backend.trainer.programs import program_of
from backend.trainer.tracing.pretending import replaced

CHUNKS = 2  # of a loss: the second one is there beside what the first one has left
SCORES, WIDTH = "trl.trainer.utils", "_CHUNKED_LOGPROB_CHUNK_SIZE"


@contextmanager
def no_more_than_is_needed() -> Iterator[None]:
    """Losses go over two chunks, whatever their number, and a model is probed once, however often it is built."""
    chunks = losses._chunks  # noqa: SLF001 - a part of the loss that is looked at
    known: list[tuple[Abilities, Any]] = []

    def few(tokens: int, vocabulary: int, device: torch.device) -> list[slice]:
        return chunks(tokens, vocabulary, device)[:CHUNKS]

    def once(model: PreTrainedModel, *, with_ours: bool = True) -> Abilities:
        if not known:
            found = probe(model, with_ours=with_ours)
            known.append((found, model.config._attn_implementation))  # noqa: SLF001 - it has no other name
        abilities, attention = known[0]
        if model.config._attn_implementation != attention:  # noqa: SLF001
            model.set_attn_implementation(attention)
        return abilities

    with replaced(losses, "_chunks", few), replaced(choosing, "probe", once):
        yield


@contextmanager
def only_written_columns(order: MemoryOrder, vocabulary: int) -> Iterator[None]:
    """On a processor trl's buffer for scores counts as wide as it is written.

    It has a fixed width. Where the vocabulary is smaller, the rest of each row is never touched, and the system gives
    no page for it; a GPU's allocator takes it whole.
    """
    program_of(order.config.recipe)  # imports what its loop is made of
    trl = sys.modules.get(SCORES)
    if order.device != "cpu" or not hasattr(trl, WIDTH):
        yield
        return
    with replaced(trl, WIDTH, min(getattr(trl, WIDTH), vocabulary)):
        yield
