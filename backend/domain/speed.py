"""Levers of speed and memory: what each does, and what "auto" means."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen


class Speed(Frozen):
    """How the same losses are computed faster or in less memory. "auto" is settled by the trainer, which says why."""

    batches: Literal["auto", "flat", "padded"] = Field(
        default="auto",
        title="Batches",
        description="flat: rows end to end without padding, each attending only to itself; padded: a rectangle.",
    )
    logits: Literal["auto", "learned", "all"] = Field(
        default="auto",
        title="Logits",
        description="learned: scores only for tokens that count in the loss; all: for every token.",
    )
    dataloader_workers: int = Field(
        default=0, ge=0, le=64, title="Data workers", description="Processes that prepare batches ahead of time."
    )
    expandable_segments: bool = Field(
        default=False,
        title="Expandable segments",
        description="CUDA memory grows in place and does not fall into pieces (PYTORCH_ALLOC_CONF); a little slower.",
    )
