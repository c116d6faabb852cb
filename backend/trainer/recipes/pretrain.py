"""Continued pretraining: rows joined and cut into blocks, by the loop of supervised fine-tuning."""

from collections.abc import Iterator, Sequence
from itertools import islice

from transformers import PreTrainedTokenizerBase

from backend.data.examples import Example
from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.trainer.collation import Encoded
from backend.trainer.engine.loop import EngineLoop
from backend.trainer.kept_rows import kept_tokens
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.preferences import NO_LIMIT
from backend.trainer.recipes import sft
from backend.trainer.token_rows import BATCH_ROWS, TokenFile, TokenRows
from backend.trainer.tokens import Encoder

LEAST = 2  # tokens of a block: the first is never predicted


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Blocks of max_length tokens, all learned; each part of the dataset makes its own."""
    size = work.config.training.max_length
    encoder = Encoder(tokenizer, max_length=NO_LIMIT, answers_only=False)

    def part(examples: Sequence[Example], name: str) -> TokenRows:
        def report(share: float) -> None:
            work.report(Phase.PREPARING, share, "cutting text into blocks")

        def fill(file: TokenFile) -> None:
            texts = (list(row["input_ids"]) for batch in encoder.batches(examples, name, report) for row in batch)
            for batch in portions(blocks(texts, size)):
                file.write(batch)

        return kept_tokens(examples, tokenizer, ("blocks", size), fill)

    return Rows(part(dataset.train, "training"), part(dataset.validation, "validation"))


def blocks(texts: Iterator[list[int]], size: int) -> Iterator[Encoded]:
    """All texts end to end, `size` tokens each time; the rest is a shorter block, unless it is a single token."""
    ids: list[int] = []
    for text in texts:
        ids += text
        whole = len(ids) - len(ids) % size
        yield from (_block(ids[start : start + size]) for start in range(0, whole, size))
        del ids[:whole]
    if len(ids) >= LEAST:
        yield _block(ids)


def portions(made: Iterator[Encoded]) -> Iterator[list[Encoded]]:
    """As many at a time as the file takes together."""
    while batch := list(islice(made, BATCH_ROWS)):
        yield batch


def _block(ids: list[int]) -> Encoded:
    return {"input_ids": ids, "labels": list(ids)}


def loop(parts: Parts) -> EngineLoop:
    """The loop of supervised fine-tuning."""
    return sft.loop(parts)
