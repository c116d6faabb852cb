"""Continued pretraining: next-token loss on every token of raw text."""

from typing import ClassVar, Literal

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind


class Pretrain(RecipeSpec):
    """Continued pretraining.

    Rows are joined in their order, each with the end-of-text token behind it, and cut into blocks of max_length
    tokens. What is left over at the end makes one shorter block. A block may hold several rows, which see one
    another, as in pretraining itself.
    """

    card: ClassVar[Card] = Card(
        title="Continued pretraining",
        summary="The model goes on reading: every token of raw text is learned, in blocks of max_length.",
        use_when="You have much plain text of a field or language that the model should know better.",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.TEXT, ExampleKind.CONVERSATION)
    name: Literal["pretrain"] = "pretrain"
