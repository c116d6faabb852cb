"""Answers that a model would write while it trains: of the greatest length, and as if they were written at once."""

from typing import Any

import torch

from backend.domain.run_config import RunConfig
from backend.recipes import Grpo
from backend.recipes.rewards import Rewards

WORD = 2  # some token that ends nothing


def without_own_rewards(config: RunConfig) -> RunConfig:
    """The same order with a reward that needs no file: what answers are worth takes no memory."""
    if not isinstance(config.recipe, Grpo):
        return config
    rewards = Rewards.model_validate({"length": {"target": 3}})
    return config.model_copy(update={"recipe": config.recipe.model_copy(update={"rewards": rewards})})


def answer_at_once(loop: Any, longest: int, answer: int) -> None:  # noqa: ANN401 - trl's trainer
    """Let a loop that learns from its own answers get them in one forward pass instead of token by token.

    All rows go through the model together and keep keys and values of every token, as at the last written token.
    """

    def generate(prompts: list[Any]) -> tuple[Any, ...]:
        ids = torch.full((len(prompts), longest), WORD)
        with torch.no_grad():
            loop.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True, logits_to_keep=1)
        question, written = [WORD] * (longest - answer), [WORD] * answer
        texts = [[{"role": "assistant", "content": ""}] for _ in prompts]
        return [question for _ in prompts], [written for _ in prompts], None, texts, None, {}, None, None

    def worth(inputs: Any, prompts: list[Any], *_: object) -> torch.Tensor:  # noqa: ANN401, ARG001 - trl's
        return torch.zeros(len(prompts), len(loop.reward_funcs))

    loop._generate, loop._calculate_rewards = generate, worth  # noqa: SLF001 - what its own descendants override
