"""Continued pretraining: rows joined and cut into blocks, by the loop of supervised fine-tuning."""

from collections.abc import Iterator, Sequence
from itertools import chain

from transformers import PreTrainedTokenizerBase

from backend.data.examples import Example
from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.trainer.collation import Encoded
from backend.trainer.engine.loop import EngineLoop
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.preferences import NO_LIMIT
from backend.trainer.recipes import sft
from backend.trainer.tokens import Encoder

LEAST = 2  # tokens of a block: the first is never predicted


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Blocks of max_length tokens, all learned; each part of the dataset makes its own."""
    size = work.config.training.max_length
    encoder = Encoder(tokenizer, max_length=NO_LIMIT, answers_only=False)

    def tokens(examples: Sequence[Example], part: str) -> Iterator[list[int]]:
        for index, example in enumerate(examples):
            yield list(encoder.row(example, f"{part} row {index + 1}")["input_ids"])
            work.report(Phase.PREPARING, (index + 1) / len(examples), "cutting text into blocks")

    return Rows(blocks(tokens(dataset.train, "training"), size), blocks(tokens(dataset.validation, "validation"), size))


def blocks(texts: Iterator[list[int]], size: int) -> list[Encoded]:
    """All texts end to end, `size` tokens each time; the rest is a shorter block, unless it is a single token."""
    ids = list(chain.from_iterable(texts))
    cut = [ids[start : start + size] for start in range(0, len(ids), size)]
    return [{"input_ids": block, "labels": list(block)} for block in cut if len(block) >= LEAST]


def loop(parts: Parts) -> EngineLoop:
    """The loop of supervised fine-tuning."""
    return sft.loop(parts)
