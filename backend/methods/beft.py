"""BEFT: Trains a bias behind value projections."""

from typing import ClassVar, Literal

from backend.methods.base import PeftMethod, Targets
from backend.spec import Card


class Beft(PeftMethod):
    """Trains a bias behind value projections."""

    card: ClassVar[Card] = Card(
        title="BEFT",
        summary="Trains a bias behind value projections.",
        use_when="The very smallest adapters.",
        family="A few of the model's own numbers",
        pros=("The very smallest.",),
        cons=("Cannot be merged; learns little.",),
        can_merge=False,
    )
    configuration: ClassVar[str] = "BeftConfig"
    targets: ClassVar[Targets] = "recommended"
    name: Literal["beft"] = "beft"
