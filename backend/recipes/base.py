"""What all recipes share: a card, the kinds of examples that they read, and what they train."""

from collections.abc import Callable
from typing import ClassVar, Literal, Self

from backend.spec import ExampleKind, Spec


class RecipeSpec(Spec):
    """What is optimised. `reads` are the kinds of examples that it can train on, the best suited first.

    `head` is what the model ends in: scores of the next token, or one score of the whole text.
    `loss_unit` says what eval/loss is measured in. `program` is the module that trains it, for recipes of plugins
    that do not train like the one that they are derived from.
    """

    reads: ClassVar[tuple[ExampleKind, ...]]
    head: ClassVar[Literal["language", "score"]] = "language"
    loss_unit: ClassVar[str] = "nats per token"
    program: ClassVar[str] = ""

    def compares_with_base(self) -> bool:
        """Whether the loss needs the base model as it was before training, beside the one that is trained."""
        return False

    def with_paths(self, change: Callable[[str], str]) -> Self:  # noqa: ARG002 - recipes with files override it
        """The same recipe with every path that it names changed."""
        return self

    def batch_problem(self, *, batch_size: int, gradient_accumulation: int, max_length: int) -> str | None:  # noqa: ARG002
        """Why it cannot train in these portions (rows per micro-batch, micro-batches per step, tokens), or None."""
        return None
