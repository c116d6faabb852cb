"""A recipe: supervised fine-tuning that learns questions, too, unless told otherwise."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes import Sft
from backend.spec import Card


class SftEverything(Sft):
    """It has no `program`, so it trains like the recipe that it is derived from."""

    card: ClassVar[Card] = Card(
        title="Supervised, whole text", summary="Learns questions and answers.", use_when="Questions matter as well."
    )
    name: Literal["sft_everything"] = "sft_everything"
    answers_only: bool = Field(default=False, description="Learn the answers only.")
