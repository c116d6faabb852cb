"""Odds ratio preference optimization, by trl's experimental trainer."""

from typing import Any

import torch
from transformers import PreTrainedTokenizerBase
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from backend.data.loading import LoadedDataset
from backend.recipes import Orpo
from backend.trainer.collation import IGNORED
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.recipes import dpo
from backend.trainer.trl_loop import TrlLoop


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Pairs as input ids, attention masks and labels of both answers."""
    pairs = dpo.rows(work, dataset, tokenizer)
    return Rows([_row(pair) for pair in pairs.train], [_row(pair) for pair in pairs.validation])


def _row(pair: dict[str, list[int]]) -> dict[str, list[int]]:
    prompt, made = pair["prompt_ids"], {}
    for side in ("chosen", "rejected"):
        answer = pair[f"{side}_ids"]
        made[f"{side}_input_ids"] = [*prompt, *answer]
        made[f"{side}_attention_mask"] = [1] * (len(prompt) + len(answer))
        made[f"{side}_labels"] = [IGNORED] * len(prompt) + answer
    return made


class Prepared(list[Any]):
    """Rows that are tokenized already: whatever trl would do to each of them is done."""

    def map(self, *_: object, **__: object) -> "Prepared":
        """The rows themselves."""
        return self


def loop(parts: Parts) -> "OrpoLoop":
    """The loop over pairs."""
    recipe = parts.config.recipe
    assert isinstance(recipe, Orpo)
    return OrpoLoop(parts, recipe)


class OrpoLoop(TrlLoop, ORPOTrainer):
    """eval/rewards/accuracies is the share of held-out pairs whose preferred answer is the likelier one per token."""

    def __init__(self, parts: Parts, recipe: Orpo) -> None:
        arguments = ORPOConfig(**parts.arguments, beta=recipe.beta, max_length=parts.config.training.max_length)
        super().__init__(parts, args=arguments, train_dataset=Prepared(parts.rows.train))

    def figures(self, mode: str) -> dict[str, list[float]]:
        """As for the others; this trainer keeps them elsewhere."""
        gathered: dict[str, list[float]] = self._stored_metrics.pop(mode, {})
        return {name.removeprefix("eval_"): list(values) for name, values in gathered.items()}

    def num_tokens(self, inputs: dict[str, Any]) -> torch.Tensor:
        """Tokens of both answers with their prompts."""
        tokens: torch.Tensor = inputs["chosen_attention_mask"].sum() + inputs["rejected_attention_mask"].sum()
        return tokens
