"""Poly: A shared set of small LoRA skills, mixed per task."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Poly(Targeted):
    """A shared set of small LoRA skills, mixed per task.

    Combining Modular Skills in Multitask Learning, https://arxiv.org/abs/2202.13914
    """

    card: ClassVar[Card] = Card(
        title="Poly",
        summary="A shared set of small LoRA skills, mixed per task.",
        use_when="Several tasks in one adapter.",
        family="Several adapters",
        pros=("Tasks share what they have in common.",),
        cons=("Needs a task number for each row.",),
        paper="Combining Modular Skills in Multitask Learning, https://arxiv.org/abs/2202.13914",
        unavailable="It needs a task number for each row, which no dataset format gives.",
        quantizations=(),
        can_merge=False,
    )
    configuration: ClassVar[str] = "PolyConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "skills": "n_skills"}
    name: Literal["poly"] = "poly"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    skills: int = Field(default=4, ge=1, le=64, description="Number of skills.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
