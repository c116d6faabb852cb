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
        can_merge=False,
    )
    configuration: ClassVar[str] = "BeftConfig"
    targets: ClassVar[Targets] = "recommended"
    name: Literal["beft"] = "beft"
