"""Reward modelling, by trl's trainer."""

from transformers import PreTrainedTokenizerBase
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from backend.data.loading import LoadedDataset
from backend.recipes import Reward
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.recipes import dpo
from backend.trainer.trl_loop import TrlLoop


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Pairs as chosen_ids and rejected_ids, each with the prompt."""
    pairs = dpo.rows(work, dataset, tokenizer)
    return Rows([_row(pair) for pair in pairs.train], [_row(pair) for pair in pairs.validation])


def _row(pair: dict[str, list[int]]) -> dict[str, list[int]]:
    return {name: pair["prompt_ids"] + pair[name] for name in ("chosen_ids", "rejected_ids")}


def loop(parts: Parts) -> "RewardLoop":
    """The loop over pairs."""
    recipe = parts.config.recipe
    assert isinstance(recipe, Reward)
    return RewardLoop(parts, recipe)


class RewardLoop(TrlLoop, RewardTrainer):
    """eval/accuracy is the share of held-out pairs whose preferred answer has the higher score."""

    def __init__(self, parts: Parts, recipe: Reward) -> None:
        arguments = RewardConfig(
            **parts.arguments,
            center_rewards_coefficient=recipe.center_rewards_coefficient,
            max_length=None,
        )
        super().__init__(parts, args=arguments)
