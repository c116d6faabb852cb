"""Group relative policy optimization: the model writes answers, and rewards decide which become likelier."""

from collections.abc import Callable
from typing import ClassVar, Literal, Self

from pydantic import Field

from backend.recipes.base import RecipeSpec
from backend.recipes.rewards import Rewards
from backend.spec import Card, ExampleKind, Parameter


class Grpo(RecipeSpec):
    """GRPO: several answers to each prompt are written and scored; each is compared with its siblings.

    Answers are written once per optimizer step, for all of its micro-batches. Dropout is off while writing and
    learning. eval/loss is minus the mean reward of answers to the held-out prompts: what is minimised.
    """

    card: ClassVar[Card] = Card(
        title="Reinforcement with rewards (GRPO)",
        summary="The model answers each prompt several times; answers with higher rewards become likelier.",
        use_when="You can compute how good an answer is: a format, a length, the right result.",
        paper="DeepSeekMath (Shao et al., 2024), https://arxiv.org/abs/2402.03300",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.PROMPT, ExampleKind.CONVERSATION)
    loss_unit: ClassVar[str] = "(minus the mean reward)"
    name: Literal["grpo"] = "grpo"
    rewards: Rewards = Field(description="What makes an answer good; at least one.")
    num_generations: int = Field(
        default=4, ge=2, le=256, title="Answers per prompt", description="How many answers are compared per prompt."
    )
    max_completion_length: int = Field(
        default=128, ge=1, le=65_536, title="Longest answer", description="Tokens after which writing is cut off."
    )
    temperature: float = Field(
        default=1.0, gt=0, le=10, title="Temperature", description="Higher writes more varied answers."
    )
    top_p: float = Field(
        default=1.0, gt=0, le=1, title="Top p", description="Only the likeliest tokens of this joint share are written."
    )
    beta: float = Field(
        default=0.0,
        ge=0,
        le=100,
        title="Beta",
        description="Pull towards the base model; 0 needs no second forward pass.",
    )
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo"] = Field(
        default="dapo", title="Loss", description="How token losses are averaged; dapo does not favour short answers."
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", title="Scaling", description="Whose standard deviation the rewards are divided by."
    )
    epsilon: float = Field(
        default=0.2, gt=0, lt=1, title="Epsilon", description="Clipping of the probability ratio (PPO)."
    )
    num_iterations: int = Field(
        default=1, ge=1, le=64, title="Uses of an answer", description="Optimizer steps on the same written answers."
    )

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Every knob but the rewards, which are specs of their own."""
        return tuple(knob for knob in super().parameters() if knob.name != "rewards")

    def compares_with_base(self) -> bool:
        """Only with a pull towards it."""
        return self.beta > 0

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The path of the Python reward."""
        own = self.rewards.python
        if own is None:
            return self
        moved = own.model_copy(update={"path": change(own.path)})
        return self.model_copy(update={"rewards": self.rewards.model_copy(update={"python": moved})})

    def batch_problem(self, *, batch_size: int, gradient_accumulation: int, max_length: int) -> str | None:
        """All answers to a prompt must lie in one optimizer step."""
        per_step = batch_size * gradient_accumulation
        if per_step % self.num_generations:
            return (
                f"recipe grpo needs all {self.num_generations} answers to a prompt in one step: training.batch_size x "
                f"gradient_accumulation is {per_step}, which is no multiple of recipe.num_generations"
            )
        if self.max_completion_length >= max_length:
            return (
                f"recipe.max_completion_length ({self.max_completion_length}) leaves no room for a prompt within "
                f"training.max_length ({max_length}), which counts prompt and answer together"
            )
        return None
