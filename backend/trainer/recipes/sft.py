"""Supervised fine-tuning: next-token loss on the learned tokens."""

from transformers import PreTrainedTokenizerBase

from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.recipes import Sft
from backend.trainer.engine.loop import EngineLoop
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.tokens import Encoder


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """All rows as token ids."""
    recipe = work.config.recipe
    assert isinstance(recipe, Sft)
    encoder = Encoder(
        tokenizer,
        max_length=work.config.training.max_length,
        answers_only=recipe.answers_only,
    )

    def report(share: float) -> None:
        work.report(Phase.PREPARING, share, "cutting text into tokens")

    train_rows = encoder.encode(dataset.train, "training", report)
    return Rows(train_rows, encoder.encode(dataset.validation, "validation", report))


def loop(parts: Parts) -> EngineLoop:
    """The loop over token rows."""
    return EngineLoop(parts)
