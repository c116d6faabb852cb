"""A search on the hub: what is asked, and what a hit tells."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen

MOST_WORDS = 200  # characters
MOST_HITS = 30

HubKind = Literal["model", "dataset"]


class HubQuery(Frozen):
    """The words that are sent. Models are those that generate text and have safetensors weights."""

    kind: HubKind = "model"
    words: str = Field(max_length=MOST_WORDS)
    limit: int = Field(default=MOST_HITS, ge=1, le=100)


class HubHit(Frozen):
    """One model or dataset, as the hub tells it. `downloads` are of the last 30 days; None where nothing is told."""

    id: str
    downloads: int | None = None
    likes: int | None = None
    parameters: int | None = None
    licence: str = ""
    is_gated: bool = False
    changed: str = ""
