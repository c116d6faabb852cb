"""Kahneman-Tversky optimization, by trl's trainer."""

import random
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from backend.data.examples import Example, Rated
from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.recipes import Kto
from backend.trainer.kept_rows import kept_table
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.preferences import AnswerEncoder, encoded, rated
from backend.trainer.trl_loop import TrlLoop, reference_model


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Rated answers as prompt_ids, completion_ids and label, mixed once: their order is kept in every epoch."""
    training = work.config.training
    encoder = AnswerEncoder(tokenizer, training.max_length)

    def row(example: Rated, name: str) -> dict[str, Any] | None:
        prompt, (answer,) = encoder.split(example.prompt, (example.completion,), name)
        return {"prompt_ids": prompt, "completion_ids": answer, "label": example.is_good} if answer else None

    def report(share: float) -> None:
        work.report(Phase.PREPARING, share, "cutting text into tokens")

    def part(examples: Sequence[Example], name: str) -> list[dict[str, Any]]:
        def make() -> list[dict[str, Any]]:
            return encoded(list(rated(examples)), name, row, training.max_length, report)

        made = kept_table(examples, tokenizer, ("rated", training.max_length), make)
        random.Random(training.seed).shuffle(made)  # noqa: S311 - an order, not a secret
        return with_neighbours(made, training.batch_size)

    return Rows(part(dataset.train, "training"), part(dataset.validation, "validation"))


def with_neighbours(made: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Each row with the answer of the row before it in its micro-batch, from which the divergence is estimated."""
    batches = [made[start : start + size] for start in range(0, len(made), size)]
    return [
        row | {"KL_completion_ids": batch[index - 1]["completion_ids"]}
        for batch in batches
        for index, row in enumerate(batch)
    ]


def loop(parts: Parts) -> "KtoLoop":
    """The loop over rated answers."""
    recipe = parts.config.recipe
    assert isinstance(recipe, Kto)
    return KtoLoop(parts, recipe)


class KtoLoop(TrlLoop, KTOTrainer):
    """eval/rewards/margins is how much higher good answers are rewarded than bad ones."""

    def __init__(self, parts: Parts, recipe: Kto) -> None:
        arguments = KTOConfig(
            **parts.arguments | {"train_sampling_strategy": "sequential"},
            beta=recipe.beta,
            loss_type=recipe.loss_type,
            desirable_weight=recipe.desirable_weight,
            undesirable_weight=recipe.undesirable_weight,
            max_length=parts.config.training.max_length,
        )
        super().__init__(parts, args=arguments, ref_model=reference_model(parts.adapted))
