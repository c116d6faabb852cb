"""Supervised fine-tuning: next-token loss on the answers."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind


class Sft(RecipeSpec):
    """Supervised fine-tuning on conversations or text."""

    card: ClassVar[Card] = Card(
        title="Supervised fine-tuning (SFT)",
        summary="The model learns to give the answers of the dataset.",
        use_when="You have questions with good answers, conversations, or plain text.",
        recommended=True,
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.CONVERSATION, ExampleKind.TEXT)
    name: Literal["sft"] = "sft"
    answers_only: bool = Field(
        default=True,
        title="Train on answers only",
        description="Prompts are read but not learned; plain text is always learned whole.",
    )
