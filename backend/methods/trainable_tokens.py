"""Trainable tokens: learns the embeddings of chosen tokens and nothing else."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.methods.base import Found, PeftMethod
from backend.spec import Card, because


class TrainableTokens(PeftMethod):
    """Learns the embeddings of chosen tokens and nothing else."""

    card: ClassVar[Card] = Card(
        title="Trainable tokens",
        summary="Learns the embeddings of chosen tokens of the vocabulary and nothing else.",
        use_when="Tokens were added to the vocabulary, or a few are to get a new meaning.",
        family="A few of the model's own numbers",
        pros=("Nothing else of the model changes.",),
        cons=("Teaches words, no behaviour.",),
    )
    configuration: ClassVar[str] = "TrainableTokensConfig"
    own: ClassVar[frozenset[str]] = PeftMethod.own | {"trainable_tokens"}
    name: Literal["trainable_tokens"] = "trainable_tokens"
    trainable_tokens: tuple[str, ...] = Field(
        default=(),
        title="Tokens",
        description="Tokens of the vocabulary, as the tokenizer writes them.",
        json_schema_extra=because("Nobody but you knows which."),
    )

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not self.trainable_tokens:
            raise ValueError("name at least one token in trainable_tokens")
        return self

    def found_options(self, found: Found) -> dict[str, Any]:
        """The ids of the tokens; peft finds the embeddings."""
        return {"token_indices": list(found.tokens)}
