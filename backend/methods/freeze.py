"""Freeze fine-tuning: some blocks of the model are trained, all others stay frozen."""

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.methods.whole import WholeMethod
from backend.spec import Card, because

BLOCK = re.compile(r"\.(\d+)\.")  # the number of a block is the first one in a parameter's name
EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in")
HEADS = ("lm_head", "embed_out", "score")


class Freeze(WholeMethod):
    """The first or last blocks are trained, with embeddings, head and final norm if wanted."""

    card: ClassVar[Card] = Card(
        title="Freeze fine-tuning",
        summary="Trains some blocks of the model itself and freezes the rest; the result is a whole model.",
        use_when="A strong change with less memory than full fine-tuning.",
        family="The model itself",
        pros=("Strong changes with a part of the memory.",),
        cons=("The result is a whole model, not an adapter.",),
        can_merge=False,
        quantizations=(),
    )
    name: Literal["freeze"] = "freeze"
    last_blocks: int = Field(
        default=2,
        ge=0,
        le=1024,
        description="Number of last blocks that are trained.",
        json_schema_extra=because("The last blocks decide most about the answers."),
    )
    first_blocks: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Number of first blocks that are trained.",
        json_schema_extra=because("They read words, which tuning rarely changes."),
    )
    embeddings: bool = Field(
        default=False,
        description="Train the token embeddings too.",
        json_schema_extra=because("Large, and rarely worth it."),
    )
    head: bool = Field(
        default=False,
        description="Train the output head too; it may be the embeddings' own weight.",
        json_schema_extra=because("Large, and rarely worth it."),
    )
    norm: bool = Field(
        default=False,
        title="Final norm",
        description="Train the norm behind the last block too.",
        json_schema_extra=because("Small, but the base is steadier with its own."),
    )

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not (self.last_blocks or self.first_blocks or self.embeddings or self.head or self.norm):
            raise ValueError("nothing would be trained: choose blocks, embeddings, head or norm")
        return self

    def is_trained(self, name: str, num_blocks: int) -> bool:
        """Whether the parameter belongs to what was chosen."""
        found = BLOCK.search(name)
        if found is not None:
            number = int(found[1])
            return number < self.first_blocks or number >= num_blocks - self.last_blocks
        parts = name.split(".")
        if any(part in EMBEDDINGS for part in parts):
            return self.embeddings
        return self.head if any(part in HEADS for part in parts) else self.norm
